"""The words of a text as written, with their canonical forms (keys)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

BREAK = "."
"""The key that marks the end of a sentence."""

_LEFT_OUT = frozenset({"a", "an", "the", BREAK})


class Words(NamedTuple):
    """A text's words as written (`raw`) and, at the same positions, their canonical forms (`keys`, with `BREAK`)."""

    raw: tuple[str, ...]
    keys: tuple[str, ...]


def in_a_row(keys: Sequence[str]) -> str:
    """Join canonical words with spaces, without articles and sentence ends, for substring search by whole words.

    Example:
        >>> in_a_row(("the", "north", "sea", BREAK))
        ' north sea '
    """
    row = " ".join([key for key in keys if key not in _LEFT_OUT])
    return f" {row} " if row else " "
