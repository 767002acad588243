"""Checks at the end of a run that every row is kept or named as left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable


class RowsLost(RuntimeError):
    """Rows were lost. This is a bug in this package, or in your own strategy or generator."""


def account_for(asked: Iterable[str], told: Iterable[str], when: str) -> None:
    """Raise an error if a row is missing from the results, or the results have a row that was not given.

    Args:
        asked: the ids of the given rows.
        told: the ids of the rows that are kept or named as left out.
        when: what was done, for the message.

    Raises:
        RowsLost: with the number of such rows and the first of them.

    Example:
        >>> account_for(["q1", "q2", "q3"], ["q3", "q1"], "demonstrating")
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.accounting.RowsLost: 1 of 3 rows vanished while demonstrating, neither kept nor named: 'q2'
    """
    went_in, came_out = Counter(asked), Counter(told)
    if lost := went_in - came_out:
        what = f"{lost.total()} of {went_in.total()} rows vanished while {when}, neither kept nor named"
        raise RowsLost(f"{what}: {min(lost)!r}")
    if more := came_out - went_in:
        raise RowsLost(f"{more.total()} more rows came out than went in while {when}: {min(more)!r}")
