"""Tests whether a text begins with another."""

from __future__ import annotations


def begins_with(text: str, opening: str) -> bool:
    """Whether a text begins with an opening. Capitals, blanks and the kind of apostrophe do not matter.

    Args:
        text: a reply, which may be unfinished.
        opening: the opening, which must not be blank.

    Example:
        >>> begins_with("I  don’t know.", "i don't"), begins_with("I do not know.", "I don't")
        (True, False)
    """
    return _plain(text).startswith(_plain(opening))


def _plain(text: str) -> str:
    return " ".join(text.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").casefold().split())
