"""`hf-selfdemo demonstrate`: generate candidates, judge them, and write the demonstrations."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.artefacts import Demonstrations
from hf_selfdemo.core.claim import claim_folder
from hf_selfdemo.core.console import progress, recall_line, say, usage_line, waiting
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import deciding, defaults
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.manifest import fingerprint, read_json, rows_fingerprint
from hf_selfdemo.core.protocols import Judge, Strategy
from hf_selfdemo.core.types import Evidence, Request, Source
from hf_selfdemo.evaluation.report.symptoms import symptom_line
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.methods.demonstrations import demonstrate, judged_row
from hf_selfdemo.prompting.prompts import templates_hash
from hf_selfdemo.recipe.config import DemonstrateArguments
from hf_selfdemo.recipe.engine import Engine, LateEngine, ledger_path, named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.evidence import passages_warning, recipe_evidence, with_further_rows
from hf_selfdemo.recipe.own_code import own_sources
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.retriever import retrieval_settings
from hf_selfdemo.recipe.trained_retriever import OBJECTIVE, refuse_keys
from hf_selfdemo.verbs.cluster.runner import cluster_of
from hf_selfdemo.verbs.prompts import recipe_instructions

_WORDS = {
    "generator": "model",
    "templates": "prompts",
    "questions_passages_twins": "questions, passages or counterfactuals (their files, max_*, *_twins, or retrieval)",
    "instructions": "searched prompts",
    "method_source": "the file of the method",
}
"""The words for settings in messages about a difference."""

_PICKS_THAT_TELL, _LOPSIDED = 10, 0.9
"""With at least this number of picks, a share above this for one position means that the judge ignores the content."""


def run_demonstrate(recipe: Recipe) -> None:
    """Write the demonstration dataset, its manifest and the on-policy figure, or only make the calls of one shard."""
    make_demonstrations(recipe)


def make_demonstrations(recipe: Recipe, part: str = "train", model: ResolvedModel | None = None) -> None:
    """Make the demonstrations of one part of the data, as `run_demonstrate` does for "train".

    Args:
        recipe: the recipe.
        part: "train" or "test".
        model: the model that writes, if the caller has resolved it; `NOBODY` if the recipe needs no model.
    """
    folder, shard = recipe.output_dir / "demonstrations", _shard(recipe.engine.shard)
    recipe_judge(recipe, recipe.judge.judge)  # reports wrong options before the search
    refuse_server(recipe)
    if recipe.train.objective == OBJECTIVE:
        refuse_keys(recipe)
    model = model or named_model(recipe)
    cluster = cluster_of(recipe)
    evidence, recall = recipe_evidence(recipe, part, cluster.searching(part) if cluster else None)
    if warning := passages_warning(evidence):
        say(warning)
    evidence = with_further_rows(recipe, evidence, part)
    if recipe.method.method.refuses:
        recipe.method.method.refuses(evidence)
    engine: Engine | LateEngine | None
    engine, instructions = recipe_instructions(recipe, model, evidence)
    seed = recipe.demonstrate.demonstrate_seed
    strategy, judge = recipe.method.strategy(seed, instructions), recipe_judge(recipe, recipe.judge.judge)
    settings = _generation_settings(recipe, model.fingerprint, evidence, instructions)
    claim_folder(
        folder,
        settings,
        f"choose another output_dir; to reuse the calls of this run, also add --ledger {ledger_path(recipe)}",
        _WORDS,
        defaults(DemonstrateArguments, *recipe.method.method.keys),
    )
    selection = _selection(recipe)
    _say_what_is_replaced(folder, selection)
    if cluster and not asks_nothing(recipe):
        identity = cluster.demonstrate(evidence, model, instructions)
        engine = engine or LateEngine(recipe, model, identity)
    engine = engine or _engine(recipe, model)
    if shard is not None:
        _make_calls(evidence[shard[0] :: shard[1]], strategy, judge, engine, recipe)
        return

    in_process = recipe.engine.engine == "transformers" and _asks_model(recipe)

    def about(dataset: Dataset) -> dict[str, Any]:
        d = recipe.demonstrate
        return {
            "model": asdict(model) | {"path": ""} | ({"dtype": str(recipe.dtype())} if in_process else {}),
            "retrieval": retrieval_settings(recipe.retrieval),
            "recall": recall,
            "settings": settings,
            "selection": selection,
            "usage": asdict(engine.generator.usage),
            "reused": asdict(engine.generator.reused),
            "on_policy": _on_policy(dataset, engine, d.on_policy_rows, d.demonstrate_seed),
        }

    _demonstrate(evidence, strategy, judge, engine, recipe, folder, about)
    say(usage_line("made now", engine.generator.usage, engine.generator.reused))
    _print_demonstrations(read_json(folder / "manifest.json"))


def refuse_server(recipe: Recipe) -> None:
    """Reject `engine: server` for a method that needs the model in this process, before any call is paid for.

    Raises:
        UserError: naming the option that needs it.
    """
    if recipe.engine.engine != "server":
        return
    for key, value in recipe.method.in_process.items():
        what = f"method {recipe.method.name!r} needs the likelihood of given texts, which a server does not return"
        raise UserError(what, f"set engine: transformers, or {key}: {str(value).lower()}")


def _selection(recipe: Recipe) -> dict[str, Any]:
    """The settings that select among the candidates. They may change, since the candidates are cached."""
    return (
        deciding(recipe.judge, "kept")
        | deciding(recipe.demonstrate, "kept")
        | recipe.method.deciding("kept")
        | own_sources(judge=recipe.judge.judge)
    )


def _say_what_is_replaced(folder: Path, selection: dict[str, Any]) -> None:
    path = folder / "manifest.json"
    if not path.exists():
        return
    before = read_json(path, Demonstrations).get("selection", {})
    changed = [f"{k} was {before[k]!r}, is {v!r}" for k, v in selection.items() if k in before and before[k] != v]
    if changed:
        say(f"the dataset in {folder} is selected again and replaced: {', '.join(changed)}")


def _make_calls(
    rows: Sequence[Evidence], strategy: Strategy, judge: Judge, engine: Engine | LateEngine, recipe: Recipe
) -> None:
    """Make the calls of one shard, which fills the generation cache."""
    with progress("demonstrate", len(rows), lambda: engine.generator.usage.calls) as advance:
        dialogues = (judged_row(row, strategy, judge) for row in rows)
        asked = []
        for judged in converse(dialogues, engine.generator, recipe.engine.window):
            asked.append(judged.evidence.id)
            advance(1)
    account_for((row.id for row in rows), asked, f"asking shard {recipe.engine.shard}")
    say(usage_line("made now", engine.generator.usage, engine.generator.reused))
    say(f"the calls of shard {recipe.engine.shard} are cached; run without `shard` to put the dataset together")


def _demonstrate(
    evidence: Sequence[Evidence],
    strategy: Strategy,
    judge: Judge,
    engine: Engine | LateEngine,
    recipe: Recipe,
    folder: Path,
    about: Callable[[Dataset], dict[str, Any]],
) -> None:
    with progress("demonstrate", len(evidence), lambda: engine.generator.usage.calls) as advance:
        demonstrate(
            evidence,
            strategy,
            engine.generator,
            judge,
            folder,
            window=recipe.engine.window,
            seed=recipe.demonstrate.demonstrate_seed,
            on_progress=advance,
            about=about,
        )


NOBODY = ResolvedModel("", "", "")
"""The model of a recipe that needs none."""


def asks_nothing(recipe: Recipe) -> bool:
    """Whether the dataset needs no model, because its targets are gold answers."""
    return not recipe.method.asks


def _asks_model(recipe: Recipe) -> bool:
    return not asks_nothing(recipe) or recipe.demonstrate.on_policy_rows > 0


def _engine(recipe: Recipe, model: ResolvedModel) -> Engine:
    if not _asks_model(recipe):
        return Engine(RecordedGenerator(ScriptedGenerator(_must_not), Ledger(ledger_path(recipe))))
    return open_engine(recipe, model)


def _must_not(request: Request) -> str:
    raise AssertionError(f"{request.id} was asked, although the recipe needs no model")


def _generation_settings(
    recipe: Recipe, generator: str, evidence: Sequence[Evidence], instructions: dict[Source, list[str]]
) -> dict[str, Any]:
    """Everything that decides the candidates, so that the folder of another run is not reused."""
    return {
        "generator": generator,
        "templates": templates_hash(recipe.method.templates),
        "questions_passages_twins": rows_fingerprint(map(asdict, evidence)),
        "instructions": fingerprint(instructions) if instructions else "",
        **recipe.chat_template,
        **deciding(recipe.demonstrate, "written"),
        **recipe.method.deciding("written"),
        **own_sources(method=recipe.demonstrate.method),
    }


def _shard(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    try:
        number, count = map(int, text.split("/"))
    except ValueError:
        number, count = -1, 0
    if not 0 <= number < count:
        raise UserError(
            f"shard: {text!r} is not of the form i/n with i < n", "write 0/4, 1/4, 2/4 or 3/4 for four shards"
        )
    return number, count


def _on_policy(dataset: Dataset, engine: Engine | LateEngine, rows: int, seed: int) -> dict[str, Any]:
    """Measure the mean token NLL of targets, gold answers and rejected texts on rows with a gold answer."""
    if not rows or engine.network is None:  # a server returns no likelihood of a given text
        return {}
    from hf_selfdemo.training.meter import OnPolicyMeter

    with_gold = dataset.select([i for i, answers in enumerate(dataset["answers"]) if answers])
    meter = OnPolicyMeter(with_gold, engine.tokenizer, rows, seed)
    if not len(meter):
        return {}
    with waiting("measuring the on-policy figure"):
        nats = meter.measure(engine.network)
    return {
        "rows": len(meter),
        "target_nll_per_token": nats["on_policy/chosen"],
        "gold_nll_per_token": nats.get("on_policy/gold"),
        "answer_rows": sum(row["outcome"] == "answer" for row in meter.rows),
        "answer_target_nll_per_token": nats.get("on_policy/chosen_answer"),
        "answer_gold_nll_per_token": nats.get("on_policy/gold_answer"),
        "rejected_rows": sum(bool(row["rejected"]) for row in meter.rows),
        "rejected_nll_per_token": nats.get("on_policy/rejected"),
    }


def _print_demonstrations(manifest: dict[str, Any]) -> None:
    outcomes = ", ".join(f"{count} {kind}" for kind, count in manifest["outcomes"].items())
    made = f"{_counted(manifest['rows_in'], 'row')} in, {_counted(manifest['demonstrations'], 'demonstration')}"
    say(f"{made}: {outcomes}" if outcomes else made)
    for reason, count in manifest["skipped"].items():
        say(f"  {count} left out: {reason}")
    if 2 * sum(manifest["skipped"].values()) > manifest["rows_in"]:
        say(symptom_line("more than half of the rows are left out", "Few rows are kept"))
    for reason, count in manifest["pairs_left_out"].items():
        say(f"  {_counted(count, 'pair')} left out: {reason}")
    for line in _judge_lines(manifest):
        say(line)
    say(recall_line(manifest["recall"]))
    if on_policy := manifest["on_policy"]:
        say(f"on-policy figure over {on_policy['rows']} rows, nats per token: {_nats_words(on_policy)}")


def _counted(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"


def _nats_words(on_policy: dict[str, Any]) -> str:
    """The on-policy figures in words, without kinds of text that no row has."""
    names = {"target": "targets", "gold": "gold answers", "rejected": "rejected texts"}
    found = {name: on_policy[f"{key}_nll_per_token"] for key, name in names.items()}
    told = [f"{name} {nats:.2f}" for name, nats in found.items() if nats is not None]
    return f"{', '.join(told)} (rows with a pair: {on_policy['rejected_rows']})"


def _judge_lines(manifest: dict[str, Any]) -> Iterator[str]:
    for name in ("winners", "pairs"):
        if manifest[name]:
            yield f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in manifest[name].items())
    if (rate := manifest["unverified_winner_rate"]) is not None:
        yield f"winners not found correct: {rate:.0%} (unverified_winners keeps or drops them)"
    if manifest["judge"]:
        yield "judge: " + ", ".join(f"{v} {k}" for k, v in manifest["judge"].items() if not isinstance(v, dict))
    for size, picked in manifest["judge"].get("picked_by_position", {}).items():
        counts = ", ".join(map(str, picked.values()))
        yield f"picks by position shown, {size}: {counts}"
        if sum(picked.values()) >= _PICKS_THAT_TELL and max(picked.values()) >= _LOPSIDED * sum(picked.values()):
            yield "warning: the judge picks by position, not by content: do not train on this tournament"
