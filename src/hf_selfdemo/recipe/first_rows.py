"""Check the columns of all files that a recipe names by their first rows, before anything is computed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.questions import ColumnMap, missing_columns
from hf_selfdemo.recipe.parts import part_of
from hf_selfdemo.recipe.recipe import Recipe


def refuse_missing_columns(recipe: Recipe, *parts: str) -> None:
    """Check that each file of questions and passages has the required columns. One message names all missing ones.

    Datasets of the Hub and folders are not checked, because their rows may have to be downloaded first.

    Args:
        recipe: the recipe.
        parts: "train", "dev" or "test".

    Raises:
        UserError: naming the columns and the options that map others to them, or for a file that cannot be read.
    """
    found = [error for source, mapping in _sources(recipe, parts).items() if (error := _missing(source, mapping))]
    if found:
        remedies = dict.fromkeys(error.remedy for error in found)
        raise UserError("; ".join(error.what for error in found), "; ".join(remedies))


def _sources(recipe: Recipe, parts: Sequence[str]) -> dict[str, ColumnMap]:
    """The column map of each source."""
    data = recipe.data
    questions, passages = ColumnMap.of(data.preset, data.columns), ColumnMap.of_corpus(data.corpus_columns)
    found: dict[str, ColumnMap] = {}
    for part in (part_of(recipe, name) for name in parts):
        found |= dict.fromkeys(part.questions, questions)
        if recipe.retrieval.retriever != "given":
            found[part.corpus] = passages
    return found


def _missing(source: str, mapping: ColumnMap) -> UserError | None:
    """What the first row of a file lacks, if anything."""
    return missing_columns(source, mapping) if Path(source).expanduser().is_file() else None
