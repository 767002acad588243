"""Rows in are rows kept and rows named as left out: what every run looks at before it says that it is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class RowsLost(RuntimeError):
    """Rows went in of which nothing is told in the end: a bug here, or in a strategy or an engine of one's own."""


def account_for(asked: Iterable[str], told: Iterable[str], when: str) -> None:
    """Refuse to end where a row vanished, or one came out that never went in.

    Args:
        asked: ids of the rows that went in.
        told: ids of the rows that are kept, and of those that are named as left out.
        when: what was done, for the message.

    Raises:
        RowsLost: with how many, and the first of them.

    Example:
        >>> account_for(["q1", "q2", "q3"], ["q3", "q1"], "demonstrating")
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.accounting.RowsLost: 1 of 3 rows vanished while demonstrating, neither kept nor named, as 'q2'
    """
    went_in, came_out = Counter(asked), Counter(told)
    if lost := went_in - came_out:
        what = f"{lost.total()} of {went_in.total()} rows vanished while {when}, neither kept nor named"
        raise RowsLost(f"{what}, as {min(lost)!r}")
    if more := came_out - went_in:
        raise RowsLost(f"{more.total()} rows more came out than went in while {when}, as {min(more)!r}")
