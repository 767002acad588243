"""A model's replies with passages and without, labelled."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.protocols import Generator, Judge, check_contract
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Mode, Prediction, Request, Verdict
from hf_selfdemo.prompting.prompts import render


def predict(
    evidence: Sequence[Evidence],
    generator: Generator,
    judge: Judge,
    mode: Mode,
    max_answer_tokens: int = 32,
    window: int = 64,
    judge_generator: Generator | None = None,
    on_progress: Callable[[int], None] = lambda rows: None,
    template: str | None = None,
) -> list[Prediction]:
    """Greedy replies of one model in one mode, labelled.

    Twins (leave-gold-out rows) are no answerable rows here: with the passages they show, to abstain is right. Without
    passages a twin is the same prompt as its sibling, so closed-book leaves twins out.

    Args:
        evidence: what to ask.
        generator: the model. Wrapped in a `RecordedGenerator`, an interrupted evaluation goes on where it stopped.
        judge: who labels.
        mode: "rag" shows the passages, "closed_book" does not.
        max_answer_tokens: longest reply.
        window: rows in flight.
        judge_generator: the model that a judge may ask, one for all models compared; default is `generator`.
        on_progress: called with 1 for every row that has a reply.
        template: of the prompt; default is that of the mode, which training uses too.

    Raises:
        RowsLost: if a row has no prediction in the end.
        UserError: if generator or judge lacks a member of its contract, or a number is below 1.
    """
    ONE_OR_MORE.check(max_answer_tokens=max_answer_tokens, window=window)
    check_contract(generator, Generator, "generator")
    check_contract(judge_generator or generator, Generator, "judge's generator")
    check_contract(judge, Judge, "judge")
    rows = rows_asked(evidence, mode)
    replies = []
    for reply in converse((_reply(row, mode, template or mode, max_answer_tokens) for row in rows), generator, window):
        replies.append(reply)
        on_progress(1)
    labels = (_verdict(row, reply, judge) for row, reply in zip(rows, replies, strict=False))
    verdicts = converse(labels, judge_generator or generator, window)
    predictions = [_prediction(*parts, mode) for parts in zip(rows, replies, verdicts, strict=False)]
    account_for((row.id for row in rows), (said.id for said in predictions), f"evaluating {mode}")
    return predictions


def rows_asked(evidence: Sequence[Evidence], mode: Mode) -> Sequence[Evidence]:
    """The rows that a mode evaluates: all with passages, twins left out without."""
    if mode == "rag":
        return evidence
    asked = [place for place, row in enumerate(evidence) if not row.gold_removed]
    return evidence.at(asked) if isinstance(evidence, OnDisk) else [evidence[place] for place in asked]


def _reply(row: Evidence, mode: Mode, template: str, max_answer_tokens: int) -> Dialogue[Candidate]:
    shown = row.passages if mode == "rag" else ()
    request = Request(row.id, render(template, row.question.text, shown), f"evaluate {mode}", 0.0, max_answer_tokens)
    try:
        [reply] = yield [request]
    except CallFailed:
        return Candidate("", mode, template, "error")
    return Candidate(reply.text, mode, template, reply.finish_reason)


def _verdict(row: Evidence, reply: Candidate, judge: Judge) -> Dialogue[Verdict]:
    try:
        return (yield from judge.judge(row, [reply]))[0]
    except CallFailed:
        return Verdict("unscored", "a call failed")


def _prediction(row: Evidence, reply: Candidate, verdict: Verdict, mode: Mode) -> Prediction:
    return Prediction(
        id=row.id,
        mode=mode,
        text=reply.text,
        label=verdict.label,
        answerable=row.question.answerable and not row.gold_removed,
        answer_in_context=row.answer_in_context,
        source=row.question.source,
    )
