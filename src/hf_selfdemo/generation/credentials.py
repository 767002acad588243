"""Reads a server's API key from the environment, and keeps it out of messages."""

from __future__ import annotations

import os
import re

from hf_selfdemo.core.errors import UserError

_NO_KEY = "no-key-is-set"  # the SDK requires a key, local servers do not
_SHORT, _LONG = 8, 16


def read_key(variable: str) -> str:
    """The API key in an environment variable, or a placeholder if the variable is not set.

    Args:
        variable: the name of the variable.

    Raises:
        UserError: if the name or the key is invalid. The message shows neither an invalid name nor the key.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", variable):  # not shown, since it may be the key itself
        remedy = "give the name of the variable with the key, in capitals, not the key itself"
        raise UserError("server_key_variable is not the name of an environment variable", remedy)
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UserError(f"the environment variable {variable} does not contain a valid key", "set it again")
    return key or _NO_KEY


def without_key(said: str, key: str) -> str:
    """A server's message without the key, which some servers repeat in errors.

    A key of fewer than 8 characters is not hidden, because it may be part of a word. A key of fewer than 16
    characters is hidden only as a whole word, and a longer one everywhere.

    Example:
        >>> without_key("no such key: sk-0123456789abcdef", "sk-0123456789abcdef"), without_key("max_tokens", "tok")
        ('no such key: [key]', 'max_tokens')
    """
    if len(key) < _SHORT:
        return said
    found = re.escape(key) if len(key) >= _LONG else rf"(?<!\w){re.escape(key)}(?!\w)"
    return re.sub(found, "[key]", said)
