"""`hf-selfdemo rounds`: demonstrate and train several times. The model of one round writes the candidates of the next.

output_dir/                       the first round, as without rounds
output_dir/rounds/2/              demonstrations and model of the second round, and so on
output_dir/rounds/manifest.json   the figures of each round, the round that is the result, and why the rounds stopped

A model that has learned to abstain abstains more often when it writes the next candidates, and then learns from these.
So before each further training, its false refusals are compared with those of the previous round.
"""

from __future__ import annotations

import copy
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.table import Table

from hf_selfdemo.core.artefacts import CountedRow, Demonstrations, Rounds, Training
from hf_selfdemo.core.claim import differing
from hf_selfdemo.core.console import say, show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.manifest import read_json, read_json_lines, versions, write_checked_json
from hf_selfdemo.methods.demonstrations import checked_file
from hf_selfdemo.recipe.config import DemonstrateArguments, JudgeArguments
from hf_selfdemo.recipe.engine import ledger_path
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.demonstrate import asks_nothing, make_demonstrations, run_demonstrate
from hf_selfdemo.verbs.train import run_train


def run_rounds(recipe: Recipe) -> None:
    """Demonstrate and train `num_rounds` times, or until false refusals rise, and write the figures of each round."""
    count = recipe.train.num_rounds
    _refuse_what_cannot_repeat(recipe)
    run_demonstrate(recipe)
    run_train(recipe)
    if count == 1:
        return
    rounds, stopped = [_figures(recipe, 1)], ""
    for number in range(2, count + 1):
        say(f"round {number} of {count}", "bold")
        current = _recipe_of(recipe, number)
        _demonstrate(recipe, current)
        rounds.append(_figures(recipe, number))
        stopped = refusals_rose(rounds[-2], rounds[-1], recipe.train.max_refusal_rise)
        if stopped:
            break
        run_train(current)
        rounds[-1] = _figures(recipe, number)
    _save(recipe, rounds, stopped)


def round_models(recipe: Recipe) -> dict[str, Path]:
    """The models of the rounds up to the result, by the name of their column.

    Raises:
        UserError: if the rounds are not finished.
    """
    path = recipe.output_dir / "rounds" / "manifest.json"
    if not path.exists():
        raise UserError(
            f"{path.parent} contains no finished rounds", "run `hf-selfdemo rounds` with the same config first"
        )
    numbers = range(1, read_json(path, Rounds)["result"] + 1)
    return {f"round_{number}": round_folder(recipe.output_dir, number) / "model" for number in numbers}


def round_folder(output_dir: Path, number: int) -> Path:
    """The folder with the demonstrations and the model of a round."""
    return output_dir if number == 1 else output_dir / "rounds" / str(number)


def refusals_rose(before: dict[str, Any], after: dict[str, Any], limit: float) -> str:
    """The reason to stop if false refusals rose by more than `limit` between two rounds; "" if they did not.

    Args:
        before: figures of a round.
        after: figures of the next round.
        limit: largest rise in the rate of false refusals that is allowed, from 0 to 1.

    Example:
        >>> refusals_rose({"round": 1, "false_refusals": 0.1}, {"round": 2, "false_refusals": 0.15}, 0.1)
        ''
    """
    old, new = before["false_refusals"], after["false_refusals"]
    if old is None or new is None or new - old <= limit:
        return ""
    return (
        f"the rounds stop, because the rate of false refusals rose by more than max_refusal_rise {limit:g}: from "
        f"{old:.0%} in round {before['round']} to {new:.0%} in round {after['round']}. The model of round "
        f"{before['round']} is the result"
    )


def _refuse_what_cannot_repeat(recipe: Recipe) -> None:
    train = recipe.train
    if train.num_rounds == 1:
        return
    what = f"num_rounds is {train.num_rounds}"
    if asks_nothing(recipe):
        raise UserError(
            f"{what}, but method {recipe.method.name!r} uses no model to demonstrate", "use method self_demo"
        )
    if train.variant:
        raise UserError(f"{what}, but variant is set", "choose another output_dir")
    if recipe.engine.engine != "transformers":
        raise UserError(
            f"{what}, but engine is {recipe.engine.engine!r}, which cannot load the trained models",
            "use engine: transformers",
        )
    if recipe.engine.shard:
        raise UserError(f"{what}, but shard is set", "use shard with `hf-selfdemo demonstrate` only")


def _recipe_of(recipe: Recipe, number: int) -> Recipe:
    """The recipe of a later round, with its own folder, the model of the previous round, and the same prompts."""
    training = copy.copy(recipe.training)
    training.output_dir = str(round_folder(recipe.output_dir, number))
    start = round_folder(recipe.output_dir, number - 1) / "model"
    search = recipe.search
    if search.prompt_search and not search.prompts_dir:
        search = replace(search, prompts_dir=str(recipe.output_dir / "prompts"))
    return replace(
        recipe,
        engine=replace(recipe.engine, ledger=str(ledger_path(recipe))),
        search=search,
        train=replace(recipe.train, start_from=str(start)),
        training=training,
    )


def _demonstrate(recipe: Recipe, current: Recipe) -> None:
    """Demonstrate with the model of the previous round, unless demonstrations with the same options exist."""
    model = current.resolve_tuned(Path(current.train.start_from or ""))
    path = current.output_dir / "demonstrations" / "manifest.json"
    first = read_json(recipe.output_dir / "demonstrations" / "manifest.json", Demonstrations, "selection", "settings")
    found = read_json(path, Demonstrations, missing_ok=True)
    there, wanted = (made.get("settings", {}) | made.get("selection", {}) for made in (found, first))
    usual = defaults(DemonstrateArguments, JudgeArguments, *recipe.method.method.keys)
    if there and not differing(there, wanted | {"generator": model.fingerprint}, usual):
        say(f"{path.parent} is complete")
        return
    make_demonstrations(current, model=model)


def _figures(recipe: Recipe, number: int) -> dict[str, Any]:
    """The figures of a round: of its demonstrations, and of its model if it is trained."""
    folder = round_folder(recipe.output_dir, number)
    made = read_json(folder / "demonstrations" / "manifest.json", Demonstrations, "demonstrations", "on_policy")
    trained = read_json(folder / "model" / "manifest.json", Training, missing_ok=True)
    return {
        "round": number,
        "demonstrations": made["demonstrations"],
        **abstention_shares(checked_file(folder / "demonstrations", "candidates.jsonl")),
        "on_policy": made["on_policy"],
        "trained": bool(trained),
        "on_policy_of_training": trained.get("on_policy", {}),
        "dev": trained.get("dev", [])[-1:],
    }


def abstention_shares(path: Path) -> dict[str, float | None]:
    """How often a model abstains in its candidates, and how many of its demonstrations are abstentions.

    Args:
        path: `candidates.jsonl` of the demonstrations.

    Returns:
        `false_refusals`: of the candidates written with passages that contain the answer, the share of abstentions,
        without unscored candidates. `abstain_before_cap` and `abstain`: the share of abstentions among the
        demonstrations before and after `max_abstain_share`, without replayed rows. None if there is nothing to count.
    """
    counts: Counter[str] = Counter()
    for row in read_json_lines(path, CountedRow):
        if row["answer_in_context"]:
            labels = [c["label"] for c in row["candidates"] if c["source"] == "rag" and c["label"] != "unscored"]
            counts["written"] += len(labels)
            counts["declined"] += labels.count("abstain")
        counts[f"{row['outcome']} before"] += 1
        counts[f"{row['outcome']} after"] += not row["skipped"]
    return {
        "false_refusals": _share(counts["declined"], counts["written"]),
        "abstain_before_cap": _share(counts["abstain before"], counts["abstain before"] + counts["answer before"]),
        "abstain": _share(counts["abstain after"], counts["abstain after"] + counts["answer after"]),
    }


def _share(hits: int, total: int) -> float | None:
    return hits / total if total else None


def _save(recipe: Recipe, rounds: list[dict[str, Any]], stopped: str) -> None:
    """Print the table of the rounds, and write the manifest."""
    result = max(found["round"] for found in rounds if found["trained"] and not (stopped and found is rounds[-1]))
    table = _table(rounds)
    show(table)
    if stopped:
        say(stopped)
    write_checked_json(
        recipe.output_dir / "rounds" / "manifest.json",
        {
            "rounds": rounds,
            "result": result,
            "model": str(round_folder(recipe.output_dir, result) / "model"),
            "stopped": stopped,
            "max_refusal_rise": recipe.train.max_refusal_rise,
            "versions": versions(),
        },
    )


_COLUMNS = {
    "demonstrations": "demonstrations",
    "false_refusals": "false refusals when writing",
    "abstain_before_cap": "abstentions before the cap",
    "abstain": "abstentions",
    "target_nll_per_token": "targets, nats per token",
    "gold_nll_per_token": "gold answers, nats per token",
}


def _table(rounds: list[dict[str, Any]]) -> Table:
    table = Table("round", *_COLUMNS.values(), title="rounds", title_justify="left")
    for column in table.columns:
        column.justify = "right"
    for found in rounds:
        figures = found | found["on_policy"]
        table.add_row(str(found["round"]), *(_cell(figures.get(key)) for key in _COLUMNS))
    return table


def _cell(value: float | int | None) -> str:
    if value is None:
        return "-"
    return str(value) if isinstance(value, int) else f"{value:.2f}"
