"""Detects secrets: tokens by their form, values of environment variables, and random values after telling names."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from hf_selfdemo.core.secret_shapes import shape_in, without_secrets

_NAMES = ("key", "token", "secret", "passw", "credential", "bearer")
_ASSIGNED = re.compile(
    r"(?i)(?:bearer\s|(?:(?:api|access|auth|private|secret|account)[_-]?key|token|secret|passw(?:or)?d|credentials?)"
    r"""["']?\s*[:=])\s*["']?(?P<value>[A-Za-z0-9+/=_.~-]{16,})"""
)
"""The name of a secret, followed by a value that may be one."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|[A-Z]*KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|CRED)S?(?:_|$)|_(?:PASS|PWD|PAT|PW)$",
    re.IGNORECASE,
)
_SHORTEST = 8
_LONGEST_WORD = 12
_BITS_PER_SIGN = 3.5
"""The entropy per character from which a value counts as random. Random hexadecimal digits have nearly 4 bits, random
letters and digits more than 4, and words less than 3.5."""


def secret_in(text: str, known: Mapping[str, str] | None = None) -> str:
    """The kind of secret that a text contains, or "" if there is none. The secret itself is never returned.

    Args:
        text: any text.
        known: secrets to search for, with their names, as `known_secrets` returns them.

    Example:
        >>> secret_in("token: hf_" + "a1B2c3D4e5" * 4)
        'a Hugging Face token'
        >>> secret_in("the secret of success is a key to happiness")
        ''
    """
    for value, name in (known or {}).items():
        if value in text:
            return name
    if kind := shape_in(text):
        return kind
    lowered = text.lower()
    if any(name in lowered for name in _NAMES) and any(_is_random(f["value"]) for f in _ASSIGNED.finditer(text)):
        return "a key or password"
    return ""


def is_secret_name(name: str) -> bool:
    """Whether an option or variable has the name of a secret.

    Example:
        >>> is_secret_name("hub_token"), is_secret_name("api_key_env"), is_secret_name("seed")
        (True, False, False)
    """
    return bool(_SECRET_NAME.search(name)) and not name.lower().endswith(("_env", "_file", "_path"))


def known_secrets(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The secrets of this machine, with their names: variables with the name of a secret, and the Hub's token.

    Args:
        environment: environment variables by name.

    Example:
        >>> known_secrets({"MY_API_KEY": "correct horse 7", "KEYRING": "subprocess-1", "KEY_FILE": "/a/key"})
        {'correct horse 7': 'the value of MY_API_KEY'}
    """
    from huggingface_hub import get_token

    found = {value: f"the value of {name}" for name, value in environment.items() if _is_secret(name, value)}
    if environment is os.environ and (token := get_token()):
        found[token] = "the token that you are logged in with"
    return found


def redacted(text: str, known: Mapping[str, str] | None = None) -> str:
    """A text in which each secret is replaced by its name, for printed messages and error logs.

    Args:
        text: any text.
        known: secrets with their names; the default is the result of `known_secrets`.

    Example:
        >>> redacted("key=hunter2! was refused", {"hunter2!": "the value of DB_PASSWORD"})
        'key=(the value of DB_PASSWORD) was refused'
    """
    found = known_secrets() if known is None else known
    for value in sorted(found, key=len, reverse=True):  # one may contain another
        text = text.replace(value, f"({found[value]})")
    return without_secrets(text)


def _is_secret(name: str, value: str) -> bool:
    """Whether a value with a secret's name is a secret, rather than a path or an ordinary word."""
    if not is_secret_name(name) or len(value) < _SHORTEST:
        return False
    if value.startswith(("/", "~", "./")):
        return _is_random(value) and not Path(value).expanduser().exists()
    return not value.isalpha() or len(value) >= _LONGEST_WORD or not (value.islower() or value.istitle())


def _is_random(value: str) -> bool:
    """Whether a value looks like random letters and digits, rather than a word, a path or a number."""
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return bool(mixed) and value.count("/") < 3 and _entropy(value) >= _BITS_PER_SIGN


def _entropy(text: str) -> float:
    """The Shannon entropy in bits per character."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
