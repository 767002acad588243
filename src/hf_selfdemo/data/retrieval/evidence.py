"""Retrieves evidence for questions, and makes counterfactual (leave-gold-out) twins, which must be abstained from."""

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
    """Each question with its `k` best passages, and whether they contain the answer.

    The passages of an unanswerable question never count as containing the answer, even if its gold answer, where
    given, appears in one by accident.

    Raises:
        UserError: if `k` is below 1, or the retriever lacks a member of its contract or returns too few or too many
            results.
    """
    ONE_OR_MORE.check(k=k)
    check_contract(retriever, Retriever, "retriever")
    return [
        _with_flag(Evidence(q, passages))
        for q, passages in zip(questions, _retrieved(retriever, questions, k), strict=True)
    ]


def _retrieved(retriever: Retriever, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
    """The results of a retriever, checked to be one per question."""
    found = list(retriever.retrieve(questions, k))
    if len(found) != len(questions):
        what = f"the retriever returned {len(found)} results for {len(questions)} questions"
        raise UserError(what, "return one result per question, in order, and an empty tuple if nothing is found")
    return found


def best(row: Evidence, k: int) -> Evidence:
    """The row with only its `k` best passages, as if no more had been retrieved."""
    return _with_flag(replace(row, passages=row.passages[:k]))


def _with_flag(row: Evidence) -> Evidence:
    return replace(row, answer_in_context=answer_in_context(row))


def leave_gold_out(evidence: Sequence[Evidence], retriever: Retriever, k: int) -> list[Evidence]:
    """Counterfactual twins of answerable rows: the best `k` passages that are not gold and do not contain the answer.

    Natural retrieval misses are rare and unusual. A twin makes the same question unanswerable, with passages that are
    as similar as the corpus allows. Rows without answers have no twin. A row has a twin without passages if no passage
    is left.

    Raises:
        UserError: if `k` is below 1, or the retriever lacks a member of its contract or returns too few or too many
            results.
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
    """Draw at most `limit` twins by seed, in their original order; a negative limit keeps all."""
    if limit < 0 or limit >= len(twins):
        return list(twins)
    picks = sorted(random.Random(seed).sample(range(len(twins)), limit))
    return [twins[i] for i in picks]


def recall_report(evidence: Sequence[Evidence], ks: Sequence[int] = (1, 2, 3, 5, 10, 20)) -> dict[str, float]:
    """Recall@k over answerable rows: of a passage that contains the answer (`answer@k`), and of a gold one (`gold@k`).

    Only values of `k` up to the number of retrieved passages are reported. `no_passage` is the share of all rows
    without any passage; it is left out if it is 0.
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
