"""A model's replies with passages and without, labelled and kept: interrupted evaluations go on where they stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from hf_selfdemo.journal import Journal
from hf_selfdemo.prompts import render
from hf_selfdemo.protocols import Generator, Judge
from hf_selfdemo.types import Candidate, Evidence, Mode, Prediction, Request


def predict(
    evidence: Sequence[Evidence],
    generator: Generator,
    judge: Judge,
    mode: Mode,
    path: Path,
    max_answer_tokens: int = 32,
    window: int = 64,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> list[Prediction]:
    """Greedy replies of one model in one mode, labelled.

    Twins (leave-gold-out rows) are no answerable rows here: with the passages they show, to abstain is right. Without
    passages a twin is the same prompt as its sibling, so closed-book leaves twins out.

    Args:
        evidence: what to ask.
        generator: the model.
        judge: who labels.
        mode: "rag" shows the passages, "closed_book" does not.
        path: a JSONL file of raw replies; rows found there are not generated again, but labelled afresh.
        max_answer_tokens: longest reply.
        window: rows between two saves.
        on_progress: called with the number of rows done.
    """
    rows = rows_asked(evidence, mode)
    journal = Journal(path)
    pending = [row for row in rows if row.id not in journal.rows]
    on_progress(len(rows) - len(pending))
    for start in range(0, len(pending), window):
        part = pending[start : start + window]
        replies = generator.generate([_request(row, mode, max_answer_tokens) for row in part])
        journal.append(
            {"id": row.id, "text": reply.text, "finish_reason": reply.finish_reason}
            for row, reply in zip(part, replies, strict=True)
        )
        on_progress(len(part))
    return [_label(row, journal.rows[row.id]["text"], judge, mode) for row in rows]


def rows_asked(evidence: Sequence[Evidence], mode: Mode) -> list[Evidence]:
    """The rows that a mode evaluates: all with passages, twins left out without."""
    return [row for row in evidence if mode == "rag" or not row.gold_removed]


def _request(row: Evidence, mode: Mode, max_answer_tokens: int) -> Request:
    shown = row.passages if mode == "rag" else ()
    return Request(row.id, render(mode, row.question.text, shown), mode, mode, 0.0, max_answer_tokens)


def _label(row: Evidence, text: str, judge: Judge, mode: Mode) -> Prediction:
    verdict = judge.judge(row, [Candidate(text, mode, mode)])[0]
    return Prediction(
        id=row.id,
        mode=mode,
        text=text,
        label=verdict.label,
        answerable=row.question.answerable and not row.gold_removed,
        answer_in_context=row.answer_in_context,
        source=row.question.source,
    )
