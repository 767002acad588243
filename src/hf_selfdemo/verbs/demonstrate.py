"""`hf-selfdemo demonstrate`."""

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
    "generator": "model that writes",
    "templates": "prompts",
    "questions_passages_twins": "questions, passages or twins",
    "instructions": "searched prompts",
    "method_source": "the file of the method",
}
"""What they are called where they differ."""

_PICKS_THAT_TELL, _LOPSIDED = 10, 0.9
"""A judge that reads picks each position about as often as the others; so many and so lopsided is no accident."""


def run_demonstrate(recipe: Recipe) -> None:
    """Write the demonstration dataset, its manifest and the on-policy figure; or make the calls of one shard only."""
    make_demonstrations(recipe)


def make_demonstrations(recipe: Recipe, part: str = "train", model: ResolvedModel | None = None) -> None:
    """The same, of either part of the data.

    Args:
        recipe: what to do.
        part: "train" or "test": whose questions and passages.
        model: who writes, where the caller has found it already; `NOBODY` will do if the recipe asks nothing.
    """
    folder, shard = recipe.output_dir / "demonstrations", _shard(recipe.engine.shard)
    recipe_judge(recipe, recipe.judge.judge)  # a mistake in its keys costs no search
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
    claim_folder(folder, settings, words=_WORDS, defaults=defaults(DemonstrateArguments, *recipe.method.method.keys))
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
    """Let no call be paid for a method that needs the model in this process.

    Raises:
        UserError: if the engine is a server, which would refuse only later calls.
    """
    if recipe.engine.engine != "server":
        return
    for key, value in recipe.method.in_process.items():
        what = f"method {recipe.method.name!r} measures given texts in the model, which a server does not tell"
        raise UserError(what, f"take engine: transformers, or {key}: {str(value).lower()}")


def _selection(recipe: Recipe) -> dict[str, Any]:
    """What decides which of the candidates are kept: it may change in a folder, what was written is used again."""
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
        say(f"the dataset in {folder} is chosen anew and replaced: {', '.join(changed)}")


def _make_calls(
    rows: Sequence[Evidence], strategy: Strategy, judge: Judge, engine: Engine | LateEngine, recipe: Recipe
) -> None:
    """The calls of one shard, into the ledger."""
    with progress("demonstrate", len(rows)) as advance:
        dialogues = (judged_row(row, strategy, judge) for row in rows)
        asked = []
        for judged in converse(dialogues, engine.generator, recipe.engine.window):
            asked.append(judged.evidence.id)
            advance(1)
    account_for((row.id for row in rows), asked, f"asking shard {recipe.engine.shard}")
    say(usage_line("made now", engine.generator.usage, engine.generator.reused))
    say(f"shard {recipe.engine.shard} is in the ledger; a run without `shard` puts the dataset together")


def _demonstrate(
    evidence: Sequence[Evidence],
    strategy: Strategy,
    judge: Judge,
    engine: Engine | LateEngine,
    recipe: Recipe,
    folder: Path,
    about: Callable[[Dataset], dict[str, Any]],
) -> None:
    with progress("demonstrate", len(evidence)) as advance:
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
"""Stands for the model where none is needed."""


def asks_nothing(recipe: Recipe) -> bool:
    """Whether the dataset comes about without a model, from gold targets alone."""
    return not recipe.method.asks


def _asks_model(recipe: Recipe) -> bool:
    return not asks_nothing(recipe) or recipe.demonstrate.on_policy_rows > 0


def _engine(recipe: Recipe, model: ResolvedModel) -> Engine:
    if not _asks_model(recipe):
        return Engine(RecordedGenerator(ScriptedGenerator(_must_not), Ledger(ledger_path(recipe))))
    return open_engine(recipe, model)


def _must_not(request: Request) -> str:
    raise AssertionError(f"{request.id} was asked, though nothing was to be asked")


def _generation_settings(
    recipe: Recipe, generator: str, evidence: Sequence[Evidence], instructions: dict[Source, list[str]]
) -> dict[str, Any]:
    """Everything that decides what is written, so that a folder is not taken for another run's."""
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
        raise UserError(f"shard: {text!r} is not of the form i/n", "write e.g. 0/4, 1/4, 2/4 and 3/4")
    return number, count


def _on_policy(dataset: Dataset, engine: Engine | LateEngine, rows: int, seed: int) -> dict[str, Any]:
    """The meter over rows with a gold answer, under the model that wrote: the same rows and prompts for all texts."""
    if not rows or engine.network is None:  # a server tells no likelihood of a text it did not write
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
    """What was measured under the base model; a text that no row has is not named."""
    names = {"target": "targets", "gold": "gold answers", "rejected": "rejected texts"}
    found = {name: on_policy[f"{key}_nll_per_token"] for key, name in names.items()}
    told = [f"{name} {nats:.2f}" for name, nats in found.items() if nats is not None]
    return f"{', '.join(told)} (rows with a pair: {on_policy['rejected_rows']})"


def _judge_lines(manifest: dict[str, Any]) -> Iterator[str]:
    for name in ("winners", "pairs"):
        if manifest[name]:
            yield f"{name}: " + ", ".join(f"{count} {kind}" for kind, count in manifest[name].items())
    if (rate := manifest["unverified_winner_rate"]) is not None:
        yield f"winners not found right: {rate:.0%} (unverified_winners keeps or drops them)"
    if manifest["judge"]:
        yield "judge: " + ", ".join(f"{v} {k}" for k, v in manifest["judge"].items() if not isinstance(v, dict))
    for size, picked in manifest["judge"].get("picked_by_position", {}).items():
        counts = ", ".join(map(str, picked.values()))
        yield f"picked by position shown, {size}: {counts}"
        if sum(picked.values()) >= _PICKS_THAT_TELL and max(picked.values()) >= _LOPSIDED * sum(picked.values()):
            yield "warning: the judge goes by position, not by what it reads; do not train on this tournament"
