"""What reads like a secret: tokens by their shape, values of this machine's variables, and high-entropy assignments."""

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
"""A name that speaks of a secret, and a value that may be one."""

_SECRET_NAME = re.compile(
    r"(?:^|_)(?:TOKEN|[A-Z]*KEY|SECRET|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|CRED)S?(?:_|$)|_(?:PASS|PWD|PAT|PW)$",
    re.IGNORECASE,
)
_SHORTEST = 8
_LONGEST_WORD = 12
_BITS_PER_SIGN = 3.5
"""Random hexadecimal digits come near 4, random letters and digits of this length above 4, words below 3.5."""


def secret_in(text: str, known: Mapping[str, str] | None = None) -> str:
    """What kind of secret a text holds; "" for none. The secret itself is never told.

    Args:
        text: any.
        known: secrets to look for and what to call them, as of `known_secrets`.

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
    """Whether a key or variable is named like one that holds a secret.

    Example:
        >>> is_secret_name("hub_token"), is_secret_name("api_key_env"), is_secret_name("seed")
        (True, False, False)
    """
    return bool(_SECRET_NAME.search(name)) and not name.lower().endswith(("_env", "_file", "_path"))


def known_secrets(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Values that this machine keeps secret and what to call them: variables named like a secret, the Hub's token.

    Args:
        environment: variables by name.

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
    """A text without secrets, for what is printed or kept in a file of errors: in place of each stands what it is.

    Args:
        text: any.
        known: secrets and what to call them; default is what `known_secrets` finds.

    Example:
        >>> redacted("key=hunter2! was refused", {"hunter2!": "the value of DB_PASSWORD"})
        'key=(the value of DB_PASSWORD) was refused'
    """
    found = known_secrets() if known is None else known
    for value in sorted(found, key=len, reverse=True):  # one may hold another
        text = text.replace(value, f"({found[value]})")
    return without_secrets(text)


def _is_secret(name: str, value: str) -> bool:
    """A value under a secret's name, unless it is a path, or a word as settings have them."""
    if not is_secret_name(name) or len(value) < _SHORTEST:
        return False
    if value.startswith(("/", "~", "./")):
        return _is_random(value) and not Path(value).expanduser().exists()
    return not value.isalpha() or len(value) >= _LONGEST_WORD or not (value.islower() or value.istitle())


def _is_random(value: str) -> bool:
    """Letters and digits without order: no word, no path, no number."""
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return bool(mixed) and value.count("/") < 3 and _entropy(value) >= _BITS_PER_SIGN


def _entropy(text: str) -> float:
    """Shannon's, in bits a sign."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
