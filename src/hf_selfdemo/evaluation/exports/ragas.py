"""Rows for ragas (version 0.4.3): the fields of its `SingleTurnSample`, for `EvaluationDataset.from_jsonl`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Passage

NO_ANSWER = "I don't know."
"""The reference of a question without accepted answers."""


def ragas_row(row: Evidence, response: str) -> dict[str, Any]:
    """One evaluated reply as a row for ragas.

    ragas takes one reference per question. It is the first accepted answer, even if no shown passage contains it, or an
    abstention if there is no accepted answer.

    Args:
        row: the question and the passages that were shown.
        response: the model's reply.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> row = Evidence(Question("q1", "Who?", ("Winkler",)), (Passage("p1", "Winkler did.", "Germanium"),))
        >>> ragas_row(row, "It was Winkler.")["retrieved_contexts"]
        ['Germanium: Winkler did.']
    """
    return {
        "user_input": row.question.text,
        "retrieved_contexts": [_context(passage) for passage in row.passages],
        "retrieved_context_ids": [passage.id for passage in row.passages],
        "response": response,
        "reference": next(iter(row.question.answers), NO_ANSWER),
    }


def ragas_rows(evidence: Sequence[Evidence], replies: Sequence[tuple[str, str]]) -> list[dict[str, Any]]:
    """All replies of one model as rows for ragas.

    Args:
        evidence: the rows that were asked.
        replies: row id and text of each reply, in the same order.

    Raises:
        UserError: if the replies belong to other rows.
    """
    if [row.id for row in evidence] != [id for id, _ in replies]:
        raise UserError(
            "the replies belong to other questions than those of the recipe",
            "run `hf-selfdemo evaluate` with the same recipe first",
        )
    return [ragas_row(row, text) for row, (_, text) in zip(evidence, replies, strict=True)]


def _context(passage: Passage) -> str:
    """A passage as in prompts."""
    return f"{passage.title}: {passage.text}" if passage.title else passage.text
