"""`hf-selfdemo questions`: write questions for training and testing about the documents of the recipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from hf_selfdemo.core.console import progress, say, usage_line
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import hashes
from hf_selfdemo.core.manifest import read_json_lines, versions, write_checked_json
from hf_selfdemo.core.types import Passage
from hf_selfdemo.methods.question_set import Source, write_questions
from hf_selfdemo.methods.question_writer import QuestionWriter
from hf_selfdemo.recipe.documents import PASSAGES, documents_folder, question_file, written_parts
from hf_selfdemo.recipe.engine import named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.evidence import recipe_retriever
from hf_selfdemo.recipe.made_documents import (
    QUESTIONS,
    made_passages,
    made_questions,
    questions_settings,
    refuse_replacing,
)
from hf_selfdemo.recipe.recipe import Recipe


def run_questions(recipe: Recipe) -> None:
    """Write questions, check them, and print how many were kept and why others were dropped.

    Raises:
        UserError: if the recipe names no documents, or names all question files itself, the passages were made from
            other documents, no question was kept, or a run has used other questions.
    """
    parts = written_parts(recipe)
    if not parts:
        raise UserError(
            "there are no questions to write", "set `documents`, and leave train_questions or test_questions out"
        )
    folder = documents_folder(recipe)
    if not made_passages(recipe):
        raise UserError(
            f"{folder} contains no passages of these documents",
            "run `hf-selfdemo documents` with the same config first",
        )
    model = named_model(recipe)
    settings = questions_settings(recipe, model.fingerprint)
    if told := made_questions(recipe, settings):
        _say(told)
        return say(f"documents and options are unchanged: the questions in {folder} are kept")
    if (folder / QUESTIONS).exists():
        refuse_replacing(recipe, "questions")
    sources = recipe_sources(recipe)
    engine = open_engine(recipe, model)
    with progress("questions", len(sources), lambda: engine.generator.usage.calls) as advance:
        counts = write_questions(
            sources,
            recipe_writer(recipe),
            engine.generator,
            folder,
            recipe.documents.test_documents_share,
            parts,
            max(recipe.engine.window, recipe.engine.generation_batch_size),  # each passage has one call in progress
            recipe.demonstrate.demonstrate_seed,
            advance,
        )
    say(usage_line("made now", engine.generator.usage, engine.generator.reused))
    told = counts | {"settings": settings, "model": model.name, "versions": versions()}
    told["files"] = hashes(folder, [question_file(recipe, part) for part in parts])
    write_checked_json(folder / QUESTIONS, told)
    _say(told)
    for line in _warnings(recipe, parts, counts):
        say(line)


def recipe_sources(recipe: Recipe) -> list[Source]:
    """The passages of the recipe's documents, each with the name of its document."""
    rows = read_json_lines(documents_folder(recipe) / PASSAGES)
    return [Source(Passage(row["id"], row["text"], row["title"]), row["document"]) for row in rows]


def recipe_writer(recipe: Recipe) -> QuestionWriter:
    """Make the writer of questions. A tournament cannot label one answer, so answer_match is used instead."""
    judge = recipe.judge.judge if recipe.judge.judge != "tournament" else "answer_match"
    retriever = recipe_retriever(recipe, "train")
    return QuestionWriter(recipe_judge(recipe, judge), retriever, recipe.questions, recipe.demonstrate.demonstrate_seed)


def _say(told: dict[str, Any]) -> None:
    kept = ", ".join(f"{count} for {kind}" for kind, count in told["kept"].items())
    say(f"{told['written']} questions written, kept: {kept}")
    for reason, count in told["dropped"].items():
        say(f"  {count} dropped: {reason}")


def _warnings(recipe: Recipe, parts: Sequence[str], counts: dict[str, Any]) -> Iterator[str]:
    """Warnings about parts without unanswerable questions, which train and test abstention."""
    for part in parts:
        twins = getattr(recipe.retrieval, f"{part}_twins")
        if not counts["kept"].get(f"{part}: unanswerable") and not twins:
            yield (
                f"warning: no unanswerable question was kept for {part}: raise unanswerable_passes, or set "
                f"{part}_twins to add questions whose gold passages are removed"
            )
