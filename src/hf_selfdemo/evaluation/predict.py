"""A model's replies with passages and without, labelled."""

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
    """Answers of one model in one mode, labelled, and so are those that were withheld. A row for which a call failed is
    unscored.

    Twins (leave-gold-out rows) are no answerable rows here: with the passages they show, to abstain is right. Without
    passages a twin is the same prompt as its sibling, so closed-book leaves twins out.

    Args:
        evidence: what to ask.
        generator: the model. Wrapped in a `RecordedGenerator`, an interrupted evaluation goes on where it stopped.
        judge: who labels.
        mode: "rag" shows the passages, "closed_book" does not.
        answerer: how it is asked; default is one greedy call under the prompt that training uses too.
        window: rows in flight.
        judge_generator: the model that a judge may ask, one for all models compared; default is `generator`.
        on_progress: called with 1 for every row that has an answer.

    Raises:
        RowsLost: if a row has no prediction in the end.
        UserError: if answerer, generator or judge lacks a member of its contract, or `window` is below 1.
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
    """The rows that a mode evaluates: all with passages, twins left out without."""
    if mode == "rag":
        return evidence
    asked = [place for place, row in enumerate(evidence) if not row.gold_removed]
    return evidence.at(asked) if isinstance(evidence, OnDisk) else [evidence[place] for place in asked]


def _told(answers: Iterator[Answer], on_progress: Callable[[int], None]) -> Iterator[Answer]:
    for answer in answers:
        yield answer
        on_progress(1)


def answer_or_error(row: Evidence, mode: Mode, answerer: Answerer) -> Dialogue[Answer]:
    """What the answerer makes of a row; an answer that ended in "error" where a call failed."""
    try:
        return (yield from answerer.answer(row, mode))
    except CallFailed:
        return Answer("", "error")


def _as_shown(row: Evidence, answer: Answer) -> Evidence:
    """The row with the passages that were really shown, for the judge and for figures by what they hold."""
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
    """A judge's word on one reply; *unscored* where a call of the judge failed."""
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
