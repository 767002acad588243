"""What the data and retrieval keys of a recipe say, as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from hf_selfdemo.config import DataArguments
from hf_selfdemo.errors import UserError
from hf_selfdemo.loading import load
from hf_selfdemo.questions import cut_words, read_passages, read_questions, sample
from hf_selfdemo.retrieval import RETRIEVERS
from hf_selfdemo.retrieval.evidence import best, choose_twins, collect_evidence, leave_gold_out, recall_report
from hf_selfdemo.seeding import stable_seed
from hf_selfdemo.stages.console import waiting
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.types import Evidence, Question

_RECALL_DEPTH = 10
"""How far down the retrieval report looks, whatever is shown."""


class _Part(NamedTuple):
    """The keys of one part of the data."""

    name: str
    questions: list[str]
    split: str
    corpus: str
    answerable: int
    unanswerable: int
    twins: int


def recipe_evidence(recipe: Recipe, part: str) -> tuple[list[Evidence], dict[str, float]]:
    """The rows of "train", "dev" or "test": questions with their passages, twins at the end, and the recall report.

    Raises:
        UserError: for sources that cannot be read, or no question.
    """
    with waiting("reading questions and passages"):
        return _evidence(recipe, _part(recipe, part))


def recipe_questions(recipe: Recipe, part: str) -> list[Question]:
    """The questions of "train", "dev" or "test" alone: nothing is searched.

    Raises:
        UserError: for sources that cannot be read, or no question.
    """
    return _sampled(recipe, _part(recipe, part))


def _sampled(recipe: Recipe, part: _Part) -> list[Question]:
    seed = recipe.data.data_seed_questions
    return sample(_questions(recipe.data, part), part.answerable, part.unanswerable, seed)


def recipe_retriever(recipe: Recipe, part: str) -> Any:
    """What searches the corpus of "train", "dev" or "test".

    Raises:
        UserError: for a corpus that cannot be read.
    """
    named = _part(recipe, part)
    questions = [_cut(q, recipe.retrieval.max_passage_words) for q in _questions(recipe.data, named)]
    return _retriever(recipe, named, questions)


def passages_warning(evidence: Sequence[Evidence]) -> str | None:
    """What to say of rows with nothing to show, which can only be abstained from; None where there are none."""
    rows = [row for row in evidence if not row.gold_removed]
    unfound = [row.id for row in rows if not row.passages]
    if not unfound:
        return None
    return (
        f"warning: no passage was found for {len(unfound)} of {len(rows)} questions (the first is {unfound[0]!r}): "
        "check corpus and retriever; bm25 finds words between blanks, so not those of Chinese, Japanese or Thai"
    )


def has_dev(data: DataArguments) -> bool:
    """Whether there are questions to be asked while training."""
    return bool(data.dev_questions) or data.held_out_share > 0


def _part(recipe: Recipe, name: str) -> _Part:
    data = recipe.data
    _refuse_below_all(recipe, name)
    if not 0 <= data.held_out_share < 1:
        raise UserError(f"held_out_share is {data.held_out_share:g}", "give a share from 0 to below 1")
    if data.held_out_share and data.dev_questions:
        raise UserError("both dev_questions and held_out_share are set", "leave one of them out")
    whence = "train" if name == "dev" and data.held_out_share else name
    return _Part(
        name,
        getattr(data, f"{whence}_questions"),
        getattr(data, f"{whence}_split"),
        getattr(data, f"{name}_corpus") or data.train_corpus,
        getattr(data, f"max_{name}_questions"),
        getattr(data, f"max_{name}_unanswerable"),
        getattr(recipe.retrieval, f"{name}_twins"),
    )


def _refuse_below_all(recipe: Recipe, name: str) -> None:
    """-1 means all; what is below is a slip."""
    sizes = {key: getattr(recipe.data, key) for key in (f"max_{name}_questions", f"max_{name}_unanswerable")}
    for key, size in (sizes | {f"{name}_twins": getattr(recipe.retrieval, f"{name}_twins")}).items():
        if size < -1:
            raise UserError(f"{key} is {size}", "give -1 for all, or how many")


def _evidence(recipe: Recipe, part: _Part) -> tuple[list[Evidence], dict[str, float]]:
    retrieval, seed = recipe.retrieval, recipe.data.data_seed_questions
    questions = [_cut(question, retrieval.max_passage_words) for question in _sampled(recipe, part)]
    retriever = _retriever(recipe, part, questions)
    k = retrieval.passages_per_question
    if k < 1:
        raise UserError(f"passages_per_question is {k}", "show at least one passage")
    deep = collect_evidence(questions, retriever, max(k, _RECALL_DEPTH))
    evidence = [best(row, k) for row in deep]
    found = leave_gold_out(evidence, retriever, k) if part.twins else []
    before = {row.question.id: row.passages for row in evidence}
    masked = [twin for twin in found if twin.passages and twin.passages != before[twin.question.id]]
    return evidence + choose_twins(masked, part.twins, seed), recall_report(deep)


def _is_held_out(question: Question, share: float) -> bool:
    """By the question's id alone, so that other sizes, orders and seeds never move one across."""
    return stable_seed(0, f"held out/{question.id}") % 10_000 < share * 10_000


def _questions(data: DataArguments, part: _Part) -> list[Question]:
    questions: list[Question] = []
    for source in part.questions:
        questions += read_questions(
            source, part.split, data.preset, data.columns, data.dataset_config, data.dataset_revision
        )
    if part.name != "test" and data.held_out_share:
        questions = [q for q in questions if _is_held_out(q, data.held_out_share) == (part.name == "dev")]
    if data.sources:
        questions = [q for q in questions if q.source.startswith(tuple(data.sources))]
    if not part.questions:
        raise UserError(f"{part.name}_questions is empty", "name a file, a dataset or `embedded`")
    if not questions:
        raise UserError(
            f"no {part.name} question is left after the filter sources={data.sources}", "check the column map"
        )
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise UserError(f"the id {question.id!r} stands in two {part.name} files", "make ids unique")
        seen.add(question.id)
    return questions


def _retriever(recipe: Recipe, part: _Part, questions: list[Question]) -> Any:
    retrieval = recipe.retrieval
    kind = load("retriever", retrieval.retriever, RETRIEVERS)
    if retrieval.retriever == "given":
        if not any(q.passages for q in questions):
            raise UserError(
                "retriever is 'given' but no question brings passages", "map a `passages` column or use bm25"
            )
        return kind()
    if part.corpus == "questions":
        passages = list({p.id: p for q in questions for p in q.passages}.values())
    else:
        passages = read_passages(part.corpus, part.split, retrieval.max_passage_words)
    if retrieval.index_dir:
        return kind.build_or_load(passages, Path(retrieval.index_dir) / part.name)
    return kind(passages)


def _cut(question: Question, max_words: int) -> Question:
    """Cuts the passages that came with a question, as a corpus' are cut when read."""
    return replace(question, passages=tuple(replace(p, text=cut_words(p.text, max_words)) for p in question.passages))
