"""Asking a model all questions with or without passages, and judging its replies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.protocols import Answerer, Generator, Judge, check_contract
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Answer, Candidate, Dialogue, Evidence, Mode, Prediction, Verdict
from hf_selfdemo.methods.answering import PROMPTED
from hf_selfdemo.metrics.retrieval import answer_in_context


def predict(
    evidence: Sequence[Evidence],
    generator: Generator,
    judge: Judge,
    mode: Mode,
    answerer: Answerer = PROMPTED,
    window: int = 64,
    judge_generator: Generator | None = None,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> list[Prediction]:
    """Ask one model all rows in one mode, and label its replies and withheld answers.

    A row for which a call failed is *unscored*. Counterfactual twins (leave-gold-out rows) count as unanswerable,
    because abstaining is correct with the passages they show. In the closed-book mode twins are left out, because their
    prompt is the same as that of the original row.

    Args:
        evidence: the rows to ask.
        generator: the model. Wrapped in a `RecordedGenerator`, an interrupted evaluation resumes where it stopped.
        judge: labels the replies.
        mode: "rag" shows the passages, "closed_book" does not.
        answerer: how questions are asked; by default one greedy call with the prompt of training.
        window: number of rows in flight.
        judge_generator: the model that the judge may ask, the same for all models compared; by default `generator`.
        on_progress: called with 1 for every row that has an answer.

    Raises:
        RowsLost: if a row has no prediction in the end.
        UserError: if answerer, generator or judge lacks a member of its protocol, or `window` is below 1.
    """
    ONE_OR_MORE.check(window=window)
    check_contract(answerer, Answerer, "answerer")
    check_contract(generator, Generator, "generator")
    check_contract(judge_generator or generator, Generator, "judge's generator")
    check_contract(judge, Judge, "judge")
    rows = rows_asked(evidence, mode)
    answers = OnDisk(
        _told(converse((answer_or_error(row, mode, answerer) for row in rows), generator, window), on_progress)
    )
    dialogues = (_labelled(row, answer, mode, judge) for row, answer in zip(rows, answers, strict=False))
    predictions = list(converse(dialogues, judge_generator or generator, window))
    account_for((row.id for row in rows), (said.id for said in predictions), f"evaluating {mode}")
    return predictions


def rows_asked(evidence: Sequence[Evidence], mode: Mode) -> Sequence[Evidence]:
    """The rows to ask in a mode: all rows with passages, and all but counterfactual twins without."""
    if mode == "rag":
        return evidence
    asked = [place for place, row in enumerate(evidence) if not row.gold_removed]
    return evidence.at(asked) if isinstance(evidence, OnDisk) else [evidence[place] for place in asked]


def _told(answers: Iterator[Answer], on_progress: Callable[[int], None]) -> Iterator[Answer]:
    for answer in answers:
        yield answer
        on_progress(1)


def answer_or_error(row: Evidence, mode: Mode, answerer: Answerer) -> Dialogue[Answer]:
    """The answerer's answer to a row; an answer with finish reason "error" if a call failed."""
    try:
        return (yield from answerer.answer(row, mode))
    except CallFailed:
        return Answer("", "error")


def _as_shown(row: Evidence, answer: Answer) -> Evidence:
    """The row with the passages that the answerer really showed, for the judge and the metrics by context."""
    if answer.passages is None:
        return row
    row = replace(row, passages=answer.passages)
    return replace(row, answer_in_context=answer_in_context(row))


def _labelled(row: Evidence, answer: Answer, mode: Mode, judge: Judge) -> Dialogue[Prediction]:
    row = _as_shown(row, answer)
    said = yield from _judged(row, answer, mode, judge)
    if answer.withheld is None:
        return said
    withheld = yield from _judged(row, answer.withheld, mode, judge)
    return replace(said, withheld=withheld)


def verdict_on(row: Evidence, candidate: Candidate, judge: Judge) -> Dialogue[Verdict]:
    """The judge's verdict on one reply; *unscored* if a call of the judge failed."""
    try:
        return (yield from judge.judge(row, [candidate]))[0]
    except CallFailed:
        return Verdict("unscored", "a call failed")


def _judged(row: Evidence, answer: Answer, mode: Mode, judge: Judge) -> Dialogue[Prediction]:
    verdict = yield from verdict_on(row, Candidate(answer.text, mode, mode, answer.finish_reason), judge)
    return Prediction(
        id=row.id,
        mode=mode,
        text=answer.text,
        label=verdict.label,
        answerable=row.question.answerable and not row.gold_removed,
        answer_in_context=row.answer_in_context,
        source=row.question.source,
        confidence=answer.confidence,
        trace=answer.trace,
        signals=answer.signals,
    )
