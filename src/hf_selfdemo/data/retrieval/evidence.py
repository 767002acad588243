"""Questions and a retriever to evidence, with *leave-gold-out* twins: honest reasons to abstain, in any number."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Retriever, check_contract
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.metrics.retrieval import answer_in_context
from hf_selfdemo.scoring.answers.passages import holds_answer

T = TypeVar("T")


def collect_evidence(questions: Sequence[Question], retriever: Retriever, k: int) -> list[Evidence]:
    """Each question with its `k` best passages and the answer-in-context flag.

    A question that the corpus cannot answer never counts as answered by its passages, though its true answer, if
    given, may stand in one by accident.

    Raises:
        UserError: if `k` is below 1, the retriever lacks a member of its contract, or has no result for a question.
    """
    ONE_OR_MORE.check(k=k)
    check_contract(retriever, Retriever, "retriever")
    return [
        _with_flag(Evidence(q, passages))
        for q, passages in zip(questions, _retrieved(retriever, questions, k), strict=True)
    ]


def _retrieved(retriever: Retriever, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
    """What was found for each question, whoever searched."""
    found = list(retriever.retrieve(questions, k))
    if len(found) != len(questions):
        what = f"the retriever returned {len(found)} results for {len(questions)} questions"
        raise UserError(what, "return one for each, in their order; an empty tuple where nothing is found")
    return found


def best(row: Evidence, k: int) -> Evidence:
    """The row with its `k` best passages only, as if no more had been searched for."""
    return _with_flag(replace(row, passages=row.passages[:k]))


def _with_flag(row: Evidence) -> Evidence:
    return replace(row, answer_in_context=answer_in_context(row))


def leave_gold_out(evidence: Sequence[Evidence], retriever: Retriever, k: int) -> list[Evidence]:
    """Twins of answerable rows: the next best `k` passages once gold passages and all that hold the answer are masked.

    The natural retrieval misses of a corpus are few and odd; masking makes the same question unanswerable while the
    passages stay as near as the corpus has them. Rows without answers have no twin. A row for which nothing is left
    to show gets a twin without passages.

    Raises:
        UserError: if `k` is below 1, the retriever lacks a member of its contract, or has no result for a question.
    """
    ONE_OR_MORE.check(k=k)
    check_contract(retriever, Retriever, "retriever")
    rows = [row for row in evidence if row.question.answers and row.question.answerable]
    twins: dict[str, Evidence] = {}
    depth, pending = 4 * k, rows
    while pending:
        found = _retrieved(retriever, [row.question for row in pending], depth)
        unfinished = []
        for row, passages in zip(pending, found, strict=True):
            question, answers = row.question, row.question.answers
            left = [p for p in passages if not question.is_gold(p) and not holds_answer(p, answers, question.text)]
            if len(left) >= k or len(passages) < depth:
                twins[row.id] = replace(row, passages=tuple(left[:k]), answer_in_context=False, gold_removed=True)
            else:
                unfinished.append(row)
        pending, depth = unfinished, depth * 4
    return [twins[row.id] for row in rows]


def choose_twins(twins: Sequence[T], limit: int, seed: int) -> list[T]:
    """At most `limit` twins by seed, in their original order; a negative limit keeps all."""
    if limit < 0 or limit >= len(twins):
        return list(twins)
    picks = sorted(random.Random(seed).sample(range(len(twins)), limit))
    return [twins[i] for i in picks]


def recall_report(evidence: Sequence[Evidence], ks: Sequence[int] = (1, 2, 3, 5, 10, 20)) -> dict[str, float]:
    """recall@k over answerable rows: of a passage that holds the answer (`answer@k`), and of a gold one (`gold@k`).

    Only `k` up to the number of passages retrieved are reported. `no_passage` is the share of all rows for which
    nothing at all was found, where there are any.
    """
    unfound = rows = with_gold = deepest = 0
    answers, golds = Counter[int](), Counter[int]()
    for row in evidence:
        unfound += not row.passages
        if not (row.question.answerable and row.question.answers):
            continue
        rows, with_gold = rows + 1, with_gold + bool(row.question.gold_ids)
        deepest = max(deepest, len(row.passages))
        for k in ks:
            answers[k] += answer_in_context(replace(row, passages=row.passages[:k]))
            golds[k] += any(row.question.is_gold(p) for p in row.passages[:k])
    report: dict[str, float] = {}
    for k in (k for k in ks if k <= deepest):
        report[f"answer@{k}"] = round(answers[k] / rows, 4)
        if with_gold:
            report[f"gold@{k}"] = round(golds[k] / with_gold, 4)
    return report | ({"no_passage": round(unfound / len(evidence), 4)} if unfound else {})
