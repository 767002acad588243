"""What an evaluation replaces of an earlier one in the same folder, and what it must not replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hf_selfdemo.core.artefacts import Evaluated
from hf_selfdemo.core.console import say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.generation.tuned import weights_hash
from hf_selfdemo.verbs.columns import Asked


def elsewhere(models: Mapping[str, Path]) -> str:
    """The remedy: how to get another evaluation of the same models."""
    named = " ".join(f"{name}={path}" for name, path in models.items())
    return "choose another output_dir" + (f", and name these models: --adapters {named}" if named else "")


def say_what_is_replaced(folder: Path, judge: str, ability: bool, columns: Sequence[Asked]) -> None:
    """Print what this evaluation replaces.

    Args:
        folder: the folder of the evaluation.
        judge: the name of the judge.
        ability: whether other abilities are measured.
        columns: the columns of this evaluation.
    """
    before = read_json(folder / "manifest.json", Evaluated, missing_ok=True)
    former = before.get("judges", {}).get("base", {}).get("name")
    if former and former != judge:
        words = f"evaluate_judge was {former!r}, is {judge!r}"
        say(f"the evaluation in {folder} is judged again and replaced: {words}")
    if before.get("ability") and not ability:
        words = "neither choice_questions nor instruction_prompts is set"
        say(f"the ability figures in {folder} are removed: {words}")
    for column in columns:
        if before.get("answerers", {}).get(column.name, column.answerer.identity) != column.answerer.identity:
            say(f"the replies of {column.name!r} in {folder} are replaced: it is now asked in another way")
        if column.name in before.get("models", {}) and before.get("served", {}).get(column.name, "") != column.served:
            where = f"at a server, as {column.served}" if column.served else "in this process"
            say(f"the replies of {column.name!r} in {folder} are replaced: it is now asked {where}")


def refuse_other_models(folder: Path, models: Mapping[str, Path]) -> None:
    """Refuse to replace the replies of a model by those of a model in another folder with the same name."""
    before = read_json(folder / "manifest.json", Evaluated, missing_ok=True)
    for name, place in models.items():
        former = before.get("models", {}).get(name)
        known = before.get("training", {}).get(name, {}).get("weights")
        if former is None or known == weights_hash(place):  # new, or the same weights, even if their folder was moved
            continue
        if Path(former).resolve() != place.resolve():
            raise UserError(
                f"{folder} contains the replies of {former} as {name!r}, but {place} is another model",
                f"rename it, e.g. --adapters other={place}",
            )
        if known:
            say(f"the replies of {name!r} in {folder} are replaced: the weights in {place} have changed")
