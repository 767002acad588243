"""The key of a server: read from the environment, shown to nobody."""

from __future__ import annotations

import os
import re

from hf_selfdemo.core.errors import UserError

_NO_KEY = "no-key-is-set"  # the SDK wants one, local servers do not
_SHORT, _LONG = 8, 16


def read_key(variable: str) -> str:
    """The key in an environment variable; a stand-in where it is not set.

    Args:
        variable: its name.

    Raises:
        UserError: if it names no variable, or what it holds cannot be a key; neither is shown.
    """
    if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", variable):  # not shown: it may be the key itself
        remedy = "give the name of the variable that holds the key, in capitals, and not the key"
        raise UserError("server_key_variable names no environment variable", remedy)
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UserError(f"the environment variable {variable} holds what cannot be a key", "set it anew")
    return key or _NO_KEY


def without_key(said: str, key: str) -> str:
    """A server's words without the key, which some have been seen to repeat.

    A key of fewer than 8 characters is not hidden, because it may be part of a word. One of medium length is hidden
    where it stands by itself, and a long one everywhere.

    Example:
        >>> without_key("no such key: sk-0123456789abcdef", "sk-0123456789abcdef"), without_key("max_tokens", "tok")
        ('no such key: [key]', 'max_tokens')
    """
    if len(key) < _SHORT:
        return said
    found = re.escape(key) if len(key) >= _LONG else rf"(?<!\w){re.escape(key)}(?!\w)"
    return re.sub(found, "[key]", said)
