"""Finds parameters that a server rejects, and leaves them out or sends them under another name."""

from __future__ import annotations

import json
import re
from typing import Any

_INSTEAD = {"max_tokens": "max_completion_tokens", "seed": "", "temperature": "", "logprobs": ""}
"""The parameters that a call can do without, each with the name that is tried instead ("" leaves it out)."""

_CONSEQUENCE = {
    "max_tokens": "it is sent as `max_completion_tokens`",
    "seed": "it is left out, so the same sampled call would give another text",
    "temperature": "it is left out, and the server's default applies",
    "logprobs": "it is left out, and replies have no log-probability, which a confidence needs",
}

_REFUSES = re.compile(
    r"unsupported|not\W+support|unrecogni[sz]ed|unknown|unexpected|extra|additional|forbidden|not\W+(?:permitted|allowed)"
    r"|(?:not|no longer)\W+(?:accept|available|valid)|deprecated|invalid\W+(?:param|arg|field|key)",
    re.IGNORECASE,
)
"""Words that reject a parameter itself. A value that is too large or too small for one request does not match."""


class Parameters:
    """The parameters that one server rejects. Calls of one event loop may share it.

    Example:
        >>> parameters = Parameters()
        >>> parameters.learn("max_tokens")
        'it is sent as `max_completion_tokens`'
        >>> parameters.fitted({"max_tokens": 32, "seed": 1})
        {'seed': 1, 'max_completion_tokens': 32}
    """

    def __init__(self) -> None:
        self._refused: set[str] = set()

    def learn(self, name: str) -> str:
        """Remember that a parameter is rejected. Returns how it is handled, or "" if that was known before."""
        known = name in self._refused
        self._refused.add(name)
        return "" if known else _CONSEQUENCE[name]

    def fitted(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """The arguments without the rejected parameters."""
        for name in sorted(self._refused):
            arguments = without(arguments, name)
        return arguments


def without(arguments: dict[str, Any], name: str) -> dict[str, Any]:
    """The arguments with one parameter left out or renamed."""
    rest = {key: value for key, value in arguments.items() if key != name}
    other = _INSTEAD[name]
    return rest | {other: arguments[name]} if other and name in arguments else rest


def refused_parameter(said: Any, sent: dict[str, Any]) -> str:
    """The parameter that a server's error rejects, if the call can do without it; otherwise "".

    Args:
        said: the body of the error.
        sent: the arguments of the call.

    Example:
        >>> refused_parameter({"message": "Unrecognized request argument supplied: seed"}, {"seed": 1})
        'seed'
        >>> refused_parameter({"message": "max_tokens is too large: 9000"}, {"max_tokens": 9000})
        ''
    """
    text = said if isinstance(said, str) else json.dumps(said, default=str)
    if not _REFUSES.search(text):
        return ""
    if isinstance(said, dict) and said.get("param") in sent:
        return str(said["param"]) if said["param"] in _INSTEAD else ""
    named = {name: re.search(rf"\b{name}\b", text) for name in _INSTEAD if name in sent}
    found = {name: place.start() for name, place in named.items() if place}
    return min(found, key=found.__getitem__, default="")


def left_out(asked: dict[str, Any], sent: dict[str, Any]) -> tuple[str, ...]:
    """The parameters that affect the reply but were not sent."""
    names = {"temperature", *(() if sent.get("temperature") == 0 else ("seed",))}
    return tuple(sorted(name for name in names if name in asked and name not in sent))
