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
    """How to have another evaluation of the same models."""
    named = " ".join(f"{name}={path}" for name, path in models.items())
    return "choose another output_dir" + (f", and name the models there: --adapters {named}" if named else "")


def say_what_is_replaced(folder: Path, judge: str, ability: bool, columns: Sequence[Asked]) -> None:
    """Tell what this start replaces.

    Args:
        folder: of the evaluation.
        judge: who labels now.
        ability: whether other abilities are measured now.
        columns: what is asked now.
    """
    before = read_json(folder / "manifest.json", Evaluated, missing_ok=True)
    former = before.get("judges", {}).get("base", {}).get("name")
    if former and former != judge:
        words = f"evaluate_judge was {former!r}, is {judge!r}"
        say(f"the evaluation in {folder} is judged anew and replaced: {words}")
    if before.get("ability") and not ability:
        words = "neither choice_questions nor instruction_prompts is set"
        say(f"the ability figures in {folder} are removed: {words}")
    for column in columns:
        if before.get("answerers", {}).get(column.name, column.answerer.identity) != column.answerer.identity:
            say(f"the replies of {column.name!r} in {folder} are replaced: it is asked in another way than before")
        if column.name in before.get("models", {}) and before.get("served", {}).get(column.name, "") != column.served:
            where = f"at a server, as {column.served}" if column.served else "in this process"
            say(f"the replies of {column.name!r} in {folder} are replaced: it is now asked {where}")


def refuse_other_models(folder: Path, models: Mapping[str, Path]) -> None:
    """Replies of one model are not replaced by those of another that lies elsewhere and is given the same name."""
    before = read_json(folder / "manifest.json", Evaluated, missing_ok=True)
    for name, place in models.items():
        former = before.get("models", {}).get(name)
        known = before.get("training", {}).get(name, {}).get("weights")
        if former is None or known == weights_hash(place):  # new, or the same, wherever it lies now
            continue
        if Path(former).resolve() != place.resolve():
            raise UserError(
                f"{folder} holds the replies of {former} as {name!r}, and {place} is another model",
                f"give it another name, as --adapters other={place}",
            )
        if known:
            say(f"the replies of {name!r} in {folder} are replaced: {place} holds other weights than before")
