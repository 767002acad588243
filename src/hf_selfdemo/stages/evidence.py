"""What the data and retrieval keys of a recipe say, as evidence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.config import DataArguments
from hf_selfdemo.errors import UserError
from hf_selfdemo.loading import load
from hf_selfdemo.questions import cut_words, read_passages, read_questions, sample
from hf_selfdemo.retrieval import RETRIEVERS
from hf_selfdemo.retrieval.evidence import choose_twins, collect_evidence, leave_gold_out, recall_report
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.types import Evidence, Passage, Question


def recipe_evidence(recipe: Recipe, part: str) -> tuple[list[Evidence], dict[str, float]]:
    """The rows of "train" or "test": questions with their passages, twins at the end, and the recall report."""
    data, retrieval = recipe.data, recipe.retrieval
    train = part == "train"
    questions = _questions(data, data.train_questions if train else data.test_questions, part)
    limits = (
        (data.max_train_questions, data.max_train_unanswerable)
        if train
        else (data.max_test_questions, data.max_test_unanswerable)
    )
    questions = sample(questions, *limits, data.data_seed_questions)
    retriever = _retriever(recipe, part, questions)
    k = retrieval.passages_per_question
    if k < 1:
        raise UserError(f"passages_per_question is {k}", "show at least one passage")
    deep = collect_evidence(questions, retriever, max(k, 10))
    evidence = collect_evidence(questions, retriever, k)
    twins = [twin for twin in leave_gold_out(evidence, retriever, k) if twin.passages]
    limit = retrieval.train_twins if train else retrieval.test_twins
    return evidence + choose_twins(twins, limit, data.data_seed_questions), recall_report(deep)


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
        return _Cut(kind(), retrieval.max_passage_words)
    corpus, split = (data.train_corpus, data.train_split) if part == "train" else (data.test_corpus, data.test_split)
    if corpus == "questions":
        passages = list({p.id: p for q in questions for p in q.passages}.values())
        passages = [Passage(p.id, cut_words(p.text, retrieval.max_passage_words), p.title) for p in passages]
    else:
        passages = read_passages(corpus, split, retrieval.max_passage_words)
    if retrieval.index_dir:
        return kind.build_or_load(passages, Path(retrieval.index_dir) / part)
    return kind(passages)


class _Cut:
    """Cuts the passages that came with questions, as the corpus' are cut when read."""

    def __init__(self, retriever: Any, max_words: int) -> None:
        self.retriever, self.max_words = retriever, max_words

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        found = self.retriever.retrieve(questions, k)
        return [tuple(Passage(p.id, cut_words(p.text, self.max_words), p.title, p.score) for p in row) for row in found]
