"""A check that rows fit `max_length` and the model's positions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hf_selfdemo.training.collator import EncodedRow, SelfDemoDataCollator
from hf_selfdemo.training.preflight.findings import Findings

Row = Mapping[str, Any]


class Fitting:
    """Encodes rows with their passages as retrieved, and reports those that do not fit.

    Args:
        collator: the collator of the training.
        limit: maximum number of positions of the model, in tokens; None if unknown.
        findings: collects the problems.
        kind: the word for a row in messages.
    """

    def __init__(
        self, collator: SelfDemoDataCollator, limit: int | None, findings: Findings, kind: str = "row"
    ) -> None:
        self.view = collator.plain()
        self.unlimited = replace(self.view, max_length=None)
        self.limit, self.findings, self.kind = limit, findings, kind

    def fit(self, row: Row) -> tuple[EncodedRow, int] | None:
        """The encoded row, and the number of tokens with all its passages; None if it cannot be rendered."""
        name, budget = str(row["id"]), self.view.max_length
        try:
            full = self.unlimited.encode(row)
        except ValueError as error:
            what, _, remedy = str(error).rpartition(": ")
            self.findings.refuse(what or remedy, remedy if what else "fix or drop it")
            return None
        try:
            encoded = full if budget is None or length(full) <= budget else self.view.encode(row)
        except ValueError:
            what = f"needs more than max_length {budget} tokens even without passages"
            self.findings.refuse(what, "raise max_length or drop it", name, self.kind)
            return None
        self._check_length(name, encoded)
        if encoded.lost_answer:
            what = f"loses the passage with its answer to fit max_length {budget}"
            remedy = "raise max_length, or use fewer or shorter passages, or the row teaches the model to hallucinate"
            self.findings.warn(what, remedy, name, self.kind)
        return encoded, length(full)

    def check_asked(self, row: Row) -> None:
        """Check that a row fits the model when it is asked, which never removes passages."""
        self._check_length(str(row["id"]), self.unlimited.encode({**row, "response": "?", "outcome": "answer"}))

    def look_at_asked(self, rows: Iterable[Row]) -> None:
        """Check that dev rows fit the model, and `max_length` too if they have a response and so a loss."""
        for row in rows:
            self.check_asked(row)
            if (row.get("response") or "").strip():
                self.fit(row)

    def _check_length(self, name: str, encoded: EncodedRow) -> None:
        if self.limit is not None and length(encoded) > self.limit:
            what = f"is longer than the model's {self.limit} positions"
            remedy = f"set max_length to {self.limit}, or use fewer or shorter passages"
            self.findings.refuse(what, remedy, name, self.kind)


def length(row: EncodedRow) -> int:
    """Length of a row in tokens; for a pair, with the longer of its two texts."""
    return len(row.prompt) + max(len(row.response), len(row.rejected or ()))
