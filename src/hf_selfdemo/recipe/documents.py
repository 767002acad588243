"""Documents that a recipe names: what is made of them, and where it lies."""

from __future__ import annotations

from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.recipe import Recipe

FOLDER = "documents"
"""Of `output_dir`."""

PASSAGES = "passages.jsonl"

_DEFAULT_WORDS = 100


def name_documents(recipe: Recipe) -> None:
    """Let corpus and questions be those that are made of the documents, where the recipe names no others.

    Raises:
        UserError: if a corpus is named as well.
    """
    folder, data = documents_folder(recipe), recipe.data
    for key in ("train_corpus", "test_corpus"):
        if getattr(data, key):
            raise UserError(f"both documents and {key} are set", "leave one of them out")
        setattr(data, key, str(folder / PASSAGES))
    for part in ("train", "test"):
        if not getattr(data, f"{part}_questions"):
            setattr(data, f"{part}_questions", [str(folder / f"{part}_questions.jsonl")])


def documents_folder(recipe: Recipe) -> Path:
    """Where what is made of documents lies."""
    return recipe.output_dir / FOLDER


def writes_questions(recipe: Recipe) -> bool:
    """Whether some questions of the recipe have to be written from its documents."""
    own = str(documents_folder(recipe))
    named = [*recipe.data.train_questions, *recipe.data.test_questions]
    return bool(recipe.documents.documents) and any(name.startswith(own) for name in named)


def passage_words(recipe: Recipe) -> int:
    """How long the passages of documents may be."""
    return recipe.retrieval.max_passage_words or _DEFAULT_WORDS
