"""Texts that every file and tokenizer takes: a lone surrogate, half of a character, is none of them."""

from __future__ import annotations

from typing import Any


def well_formed(text: str) -> str:
    r"""The text with U+FFFD for each lone surrogate; two halves that belong together become their character.

    JSON may hold half of a character as an escape, where a text was cut by code units. Python reads it, and can then
    neither write nor encode it.

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
    """The same for every text in a value read from JSON, names of fields among them."""
    if isinstance(value, str):
        return well_formed(value)
    if isinstance(value, list):
        return [well_formed_json(item) for item in value]
    if isinstance(value, dict):
        return {well_formed(key): well_formed_json(item) for key, item in value.items()}
    return value
