"""Where the passages and questions made from a recipe's documents are stored."""

from __future__ import annotations

from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.recipe import Recipe

FOLDER = "documents"
"""In `output_dir`."""

PASSAGES = "passages.jsonl"

_DEFAULT_WORDS = 100


def name_documents(recipe: Recipe) -> None:
    """Set corpus and questions to the files made from the documents. Questions that the recipe names are kept.

    Raises:
        UserError: if the recipe also names a corpus.
    """
    folder, data = documents_folder(recipe), recipe.data
    for key in ("train_corpus", "test_corpus"):
        if getattr(data, key):
            raise UserError(f"both documents and {key} are set", "leave one of them out")
        setattr(data, key, str(folder / PASSAGES))
    for part in ("train", "test"):
        if not getattr(data, f"{part}_questions"):
            setattr(data, f"{part}_questions", [str(question_file(recipe, part))])


def documents_folder(recipe: Recipe) -> Path:
    """The folder of the passages and questions."""
    return recipe.output_dir / FOLDER


def question_file(recipe: Recipe, part: str) -> Path:
    """The file of the questions that are written from documents, for "train" or "test"."""
    return documents_folder(recipe) / f"{part}_questions.jsonl"


def written_parts(recipe: Recipe) -> tuple[str, ...]:
    """The parts ("train", "test") whose questions are written from the documents."""
    if not recipe.documents.documents:
        return ()
    named = {"train": recipe.data.train_questions, "test": recipe.data.test_questions}
    return tuple(part for part, names in named.items() if str(question_file(recipe, part)) in names)


def passage_words(recipe: Recipe) -> int:
    """The maximum length of a passage, in words."""
    return recipe.retrieval.max_passage_words or _DEFAULT_WORDS
