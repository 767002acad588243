"""Check whether `output_dir/documents` was made from the documents and options of the recipe.

The manifests there name the documents and options that decided the passages and the questions. Passages and questions
of other documents are rejected, and those that a run has used are never replaced.
"""

from __future__ import annotations

from typing import Any

from hf_selfdemo.core.artefacts import DocumentsMade, QuestionsMade
from hf_selfdemo.core.cache import content_hash
from hf_selfdemo.core.claim import differing
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import changed
from hf_selfdemo.core.keys import deciding
from hf_selfdemo.core.manifest import fingerprint, read_json
from hf_selfdemo.core.types import CALL_FAILED
from hf_selfdemo.data.documents import document_files
from hf_selfdemo.prompting.prompts import templates_hash
from hf_selfdemo.recipe.documents import PASSAGES, documents_folder, passage_words, question_file, written_parts
from hf_selfdemo.recipe.recipe import Recipe

MANIFEST, QUESTIONS = "manifest.json", "questions.json"
"""The manifests of the passages and of the questions."""

_WRITER = ("generator", "templates", "chat_template")
"""Settings of the questions that say how they were written. They may differ from those of a later command."""

_ELSEWHERE = "choose another output_dir (set `ledger` to the cache of this run to reuse its calls)"


def documents_settings(recipe: Recipe) -> dict[str, Any]:
    """Everything that decides the passages: the names and contents of the files, and the maximum passage length.

    Raises:
        UserError: if a source is missing or contains no document.
    """
    files, _ = document_files(recipe.documents.documents)
    content = fingerprint([[name, content_hash(path)] for name, path in files.items()])
    return {"documents": content, "max_passage_words": passage_words(recipe)}


def made_passages(recipe: Recipe) -> dict[str, Any]:
    """The manifest of the passages, if they were made from these documents and have not changed since; else {}."""
    folder = documents_folder(recipe)
    told = read_json(folder / MANIFEST, DocumentsMade, missing_ok=True)
    if told.get("settings") != documents_settings(recipe) or any(changed(folder, told.get("files", {}))):
        return {}
    return told


def questions_settings(recipe: Recipe, generator: str) -> dict[str, Any]:
    """Everything that decides which questions are written and kept.

    Args:
        recipe: the recipe. Its passages must exist.
        generator: fingerprint of the model.
    """
    parts = written_parts(recipe)
    return {
        "generator": generator,
        **({"parts": list(parts)} if len(parts) == 1 else {}),
        "templates": templates_hash(["questions/*", "rag.txt", "closed_book.txt"]),
        **recipe.chat_template,
        "passages": content_hash(documents_folder(recipe) / PASSAGES),
        "test_documents_share": recipe.documents.test_documents_share,
        "demonstrate_seed": recipe.demonstrate.demonstrate_seed,
        **deciding(recipe.questions, "written"),
        **deciding(recipe.judge, "kept"),
    }


def made_questions(recipe: Recipe, settings: dict[str, Any]) -> dict[str, Any]:
    """The manifest of the questions, if all were written with these settings and their files exist; else {}."""
    told = read_json(documents_folder(recipe) / QUESTIONS, QuestionsMade, missing_ok=True)
    whole = all(question_file(recipe, part).exists() for part in written_parts(recipe))
    failed = told.get("dropped", {}).get(CALL_FAILED)
    return told if whole and not failed and told.get("settings") == settings else {}


def refuse_stale(recipe: Recipe, questions_missing: bool = False) -> None:
    """Reject passages or questions that were made from other documents or with other options.

    Args:
        recipe: the recipe of the run.
        questions_missing: accept that questions have not been written yet.

    Raises:
        UserError: if they were made from something else, or do not exist.
    """
    folder = documents_folder(recipe)
    if not (folder / MANIFEST).exists():
        raise UserError(f"{folder} contains no passages", "run `hf-selfdemo documents` with the same config first")
    if not made_passages(recipe):
        raise UserError(
            f"the passages in {folder} were made from other documents or another max_passage_words",
            "run `hf-selfdemo documents` with the same config first",
        )
    written = (folder / QUESTIONS).exists()
    if not written_parts(recipe) or (questions_missing and not written):
        return
    if not written:
        raise UserError(f"{folder} contains no questions", "run `hf-selfdemo questions` with the same config first")
    found = read_json(folder / QUESTIONS, QuestionsMade).get("settings", {})
    wanted = questions_settings(recipe, "")
    keys = [key for key in differing(found, wanted, {}) if key not in _WRITER]
    if keys:
        raise UserError(
            f"the questions in {folder} were written with different settings ({', '.join(keys)})",
            "run `hf-selfdemo questions` with the same config first",
        )


def refuse_replacing(recipe: Recipe, what: str) -> None:
    """Refuse to replace passages or questions that a run has used, or question files that were edited.

    Args:
        recipe: the recipe of the run.
        what: "passages" or "questions", for the message.

    Raises:
        UserError: naming what would be lost.
    """
    folder = documents_folder(recipe)
    if any((recipe.output_dir / stage / "manifest.json").exists() for stage in ("demonstrations", "evaluation")):
        raise UserError(
            f"{recipe.output_dir} contains a run that used other {what} than those of these documents", _ELSEWHERE
        )
    told = read_json(folder / QUESTIONS, QuestionsMade, missing_ok=True)
    for name in changed(folder, told.get("files", {})):
        if (folder / name).exists():
            raise UserError(
                f"{folder / name} was edited, and new {what} would replace it",
                "move the file, and name it as train_questions or test_questions",
            )
