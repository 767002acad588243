"""Judging replies from a file, for predictions that other programs made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.protocols import Generator, Judge
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Prediction, Question, Verdict
from hf_selfdemo.data.questions.sources import Row
from hf_selfdemo.data.questions.values import read_text
from hf_selfdemo.evaluation.predict import verdict_on
from hf_selfdemo.metrics.retrieval import answer_in_context

NO_ANSWER_KNOWN = "no accepted answer is known"
"""Why a reply to an answerable question without accepted answers is unscored."""


@dataclass(frozen=True)
class Scored:
    """One reply with its label, and the judge's short reason."""

    prediction: Prediction
    reason: str


def read_replies(rows: Iterable[Row], columns: Sequence[str]) -> Iterator[list[str]]:
    """The replies of each row, one for each column. A missing reply is an empty text, which is unscored.

    Args:
        rows: rows from `data.questions.sources.read_rows`.
        columns: names of the columns with replies, one for each model.

    Raises:
        UserError: naming a row that lacks one of the columns, or has a cell that is not text.

    Example:
        >>> list(read_replies([Row(1, "row 1 of p.jsonl", {"reply": "Bern", "base": None})], ["reply", "base"]))
        [['Bern', '']]
    """
    for row in rows:
        for column in columns:
            if column not in row.fields:
                remedy = f"set reply_columns to the columns with replies; {did_you_mean(column, list(row.fields))}"
                raise UserError(f"{row.where} has no column {column!r}", remedy)
        yield [read_text(row.fields[column], row.where, column) for column in columns]


def rows_shown(questions: Sequence[Question]) -> list[Evidence]:
    """The questions with their passages, and whether these contain the answer.

    If no question has passages, it is unknown what the model was shown. An answerable question then counts as one whose
    passages contain the answer.

    Args:
        questions: all questions of one file.
    """
    given = any(question.passages for question in questions)
    rows = [Evidence(question, question.passages) for question in questions]
    return [
        replace(row, answer_in_context=answer_in_context(row) if given else row.question.answerable) for row in rows
    ]


def score_replies(
    rows: Sequence[Evidence],
    replies: Sequence[str],
    judge: Judge,
    generator: Generator,
    window: int = 64,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> list[Scored]:
    """Judge one reply to each row. A reply that cannot be judged is *unscored* and enters no metric.

    Args:
        rows: the questions with their accepted answers.
        replies: one reply per row, in the same order. An empty reply is unscored. So is an answer to an answerable
            question without accepted answers.
        judge: labels the replies.
        generator: the model that the judge may ask.
        window: number of rows in flight.
        on_progress: called with 1 for every reply that is judged.

    Example:
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> from hf_selfdemo.judging.answer_match import AnswerMatchJudge
        >>> rows = rows_shown([Question("1", "Who?", ("Winkler",)), Question("2", "When?", answerable=True)])
        >>> found = score_replies(rows, ["It was Winkler.", "In 1886."], AnswerMatchJudge(), ScriptedGenerator())
        >>> [(one.prediction.label, one.reason) for one in found]
        [('correct', 'states an accepted answer'), ('unscored', 'no accepted answer is known')]
    """
    dialogues = (_scored(row, reply, judge) for row, reply in zip(rows, replies, strict=True))
    found = []
    for scored in converse(dialogues, generator, window):
        found.append(scored)
        on_progress(1)
    return found


def scored_row(row: Evidence, column: str, scored: Scored) -> dict[str, Any]:
    """One reply as a line of the per-row file."""
    return {
        "id": row.id,
        "column": column,
        "question": row.question.text,
        "answers": list(row.question.answers),
        "answerable": row.question.answerable,
        "answer_in_context": row.answer_in_context,
        "reply": scored.prediction.text,
        "label": scored.prediction.label,
        "reason": scored.reason,
    }


def _scored(row: Evidence, reply: str, judge: Judge) -> Dialogue[Scored]:
    verdict = yield from verdict_on(row, Candidate(reply, "rag", ""), judge)
    if verdict.label == "incorrect" and row.question.answerable and not row.question.answers:
        verdict = Verdict("unscored", NO_ANSWER_KNOWN)
    question = row.question
    prediction = Prediction(
        row.id, "rag", reply, verdict.label, question.answerable, row.answer_in_context, question.source
    )
    return Scored(prediction, verdict.reason)
