"""Replaces lone surrogates (halves of characters), which files and tokenizers reject."""

from __future__ import annotations

from typing import Any


def well_formed(text: str) -> str:
    r"""The text with U+FFFD in place of each lone surrogate. A matching pair of surrogates becomes its character.

    JSON may contain a lone surrogate as an escape if a text was truncated by code units. Python can read it, but cannot
    write or encode it.

    Example:
        >>> well_formed("amber" + chr(0xD83D) + "!") == "amber\ufffd!"
        True
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def well_formed_json(value: Any) -> Any:
    """A value from JSON in which every text, including keys, is `well_formed`."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [well_formed_json(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(key): well_formed_json(item) for key, item in value.items()}
    return value
