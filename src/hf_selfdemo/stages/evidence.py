"""What the data and retrieval keys of a recipe say, as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hf_selfdemo.config import DataArguments
from hf_selfdemo.errors import UserError
from hf_selfdemo.loading import load
from hf_selfdemo.questions import cut_words, read_passages, read_questions, sample
from hf_selfdemo.retrieval import RETRIEVERS
from hf_selfdemo.retrieval.evidence import best, choose_twins, collect_evidence, leave_gold_out, recall_report
from hf_selfdemo.stages.console import waiting
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.types import Evidence, Question

_RECALL_DEPTH = 10
"""How far down the retrieval report looks, whatever is shown."""


def recipe_evidence(recipe: Recipe, part: str) -> tuple[list[Evidence], dict[str, float]]:
    """The rows of "train" or "test": questions with their passages, twins at the end, and the recall report."""
    with waiting("reading questions and passages"):
        return _evidence(recipe, part == "train")


def _evidence(recipe: Recipe, train: bool) -> tuple[list[Evidence], dict[str, float]]:
    data, retrieval = recipe.data, recipe.retrieval
    part, sources, answerable, unanswerable, twins = (
        ("train", data.train_questions, data.max_train_questions, data.max_train_unanswerable, retrieval.train_twins)
        if train
        else ("test", data.test_questions, data.max_test_questions, data.max_test_unanswerable, retrieval.test_twins)
    )
    questions = sample(_questions(data, sources, part), answerable, unanswerable, data.data_seed_questions)
    questions = [_cut(question, retrieval.max_passage_words) for question in questions]
    retriever = _retriever(recipe, part, questions)
    k = retrieval.passages_per_question
    if k < 1:
        raise UserError(f"passages_per_question is {k}", "show at least one passage")
    deep = collect_evidence(questions, retriever, max(k, _RECALL_DEPTH))
    evidence = [best(row, k) for row in deep]
    found = leave_gold_out(evidence, retriever, k) if twins else []
    before = {row.question.id: row.passages for row in evidence}
    masked = [twin for twin in found if twin.passages and twin.passages != before[twin.question.id]]
    shown = choose_twins(masked, twins, data.data_seed_questions)
    return evidence + shown, recall_report(deep)


def _questions(data: DataArguments, sources: Sequence[str], part: str) -> list[Question]:
    split = data.train_split if part == "train" else data.test_split
    questions: list[Question] = []
    for source in sources:
        questions += read_questions(
            source, split, data.preset, data.columns, data.dataset_config, data.dataset_revision
        )
    if data.sources:
        questions = [q for q in questions if q.source.startswith(tuple(data.sources))]
    if not questions:
        raise UserError(f"no {part} question is left after the filter sources={data.sources}", "check the column map")
    seen: set[str] = set()
    for question in questions:
        if question.id in seen:
            raise UserError(f"the id {question.id!r} stands in two {part} files", "make ids unique")
        seen.add(question.id)
    return questions


def _retriever(recipe: Recipe, part: str, questions: list[Question]) -> Any:
    data, retrieval = recipe.data, recipe.retrieval
    kind = load("retriever", retrieval.retriever, RETRIEVERS)
    if retrieval.retriever == "given":
        if not any(q.passages for q in questions):
            raise UserError(
                "retriever is 'given' but no question brings passages", "map a `passages` column or use bm25"
            )
        return kind()
    corpus, split = (data.train_corpus, data.train_split) if part == "train" else (data.test_corpus, data.test_split)
    if corpus == "questions":
        passages = list({p.id: p for q in questions for p in q.passages}.values())
    else:
        passages = read_passages(corpus, split, retrieval.max_passage_words)
    if retrieval.index_dir:
        return kind.build_or_load(passages, Path(retrieval.index_dir) / part)
    return kind(passages)


def _cut(question: Question, max_words: int) -> Question:
    """Cuts the passages that came with a question, as a corpus' are cut when read."""
    return replace(question, passages=tuple(replace(p, text=cut_words(p.text, max_words)) for p in question.passages))
