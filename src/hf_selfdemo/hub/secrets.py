"""What reads like a secret: tokens by their shape, values of this machine's variables, and high-entropy assignments."""

from __future__ import annotations

import math
import os
import re
from collections import Counter
from collections.abc import Mapping

SHAPES = {
    "a Hugging Face token": r"hf_[A-Za-z0-9]{30,}|api_org_[A-Za-z0-9]{30,}",
    "an API key (sk-)": r"sk-(?<!\wsk-)(?=[\w-]*\d)(?=[\w-]*[A-Z])[\w-]{20,}",
    "a GitHub token": r"gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{30,}",
    "a GitLab token": r"glpat-[A-Za-z0-9_-]{20,}",
    "an AWS key": r"AKIA[A-Z0-9]{16}|ASIA[A-Z0-9]{16}",
    "a Google API key": r"AIza[A-Za-z0-9_-]{35}",
    "a Slack token": r"xox[abeoprs]-[A-Za-z0-9-]{10,}",
    "a private key": r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY",
    "a JSON web token": r"eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    "a password in an address": r"://[^\s/:@]+:[^\s/:@]{3,}@(?!domain|host|example)\w",
}
"""Kinds of secrets that show what they are, by the forms their makers document. Each begins with signs of its own."""

_SHAPES = {kind: re.compile(shape) for kind, shape in SHAPES.items()}

_NAMES = ("key", "token", "secret", "passw", "credential", "bearer")
_ASSIGNED = re.compile(
    r"(?i)(?:bearer\s|(?:(?:api|access|auth|private|secret|account)[_-]?key|token|secret|passw(?:or)?d|credentials?)"
    r"""["']?\s*[:=])\s*["']?(?P<value>[A-Za-z0-9+/=_.~-]{16,})"""
)
"""A name that speaks of a secret, and a value that may be one."""

_SECRET_NAME = re.compile(r"(?:^|_)(?:TOKEN|[A-Z]*KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL)S?(?:_|$)", re.IGNORECASE)
_SHORTEST = 8
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
    for kind, shape in _SHAPES.items():
        if shape.search(text):
            return kind
    lowered = text.lower()
    if any(name in lowered for name in _NAMES) and any(_is_random(f["value"]) for f in _ASSIGNED.finditer(text)):
        return "a key or password"
    return ""


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


def _is_secret(name: str, value: str) -> bool:
    path, word = value.startswith(("/", "~", "./")), value.isalpha()
    return bool(_SECRET_NAME.search(name)) and len(value) >= _SHORTEST and not path and not word


def _is_random(value: str) -> bool:
    """Letters and digits without order: no word, no path, no number."""
    mixed = re.search(r"\d", value) and re.search(r"[A-Za-z]", value)
    return bool(mixed) and value.count("/") < 3 and _entropy(value) >= _BITS_PER_SIGN


def _entropy(text: str) -> float:
    """Shannon's, in bits a sign."""
    return -sum(n / len(text) * math.log2(n / len(text)) for n in Counter(text).values())
