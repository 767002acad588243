"""What a text is cut into: words as they stand beside their canonical forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

BREAK = "."
"""Stands in a row of words where a sentence ends."""

_LEFT_OUT = frozenset({"a", "an", "the", BREAK})


class Words(NamedTuple):
    """A text's words as they stand and, in the same places, their canonical forms (`BREAK` at sentence ends)."""

    raw: tuple[str, ...]
    keys: tuple[str, ...]


def in_a_row(keys: Sequence[str]) -> str:
    """Canonical words without articles and sentence ends between blanks, so that whole words can be found in it.

    Example:
        >>> in_a_row(("the", "north", "sea", BREAK))
        ' north sea '
    """
    row = " ".join([key for key in keys if key not in _LEFT_OUT])
    return f" {row} " if row else " "
