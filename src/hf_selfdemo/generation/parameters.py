"""Parameters of a call that a server does not take: found in its refusals, then left out or named otherwise."""

from __future__ import annotations

import json
import re
from typing import Any

_INSTEAD = {"max_tokens": "max_completion_tokens", "seed": "", "temperature": "", "logprobs": ""}
"""What a call can do without, and under which other name it is tried first."""

_CONSEQUENCE = {
    "max_tokens": "it is sent as `max_completion_tokens`",
    "seed": "it is left out, and what is sampled would be another text if it were asked for again",
    "temperature": "it is left out, and the server's own holds",
    "logprobs": "it is left out, and replies have no log-probability, which a confidence needs",
}

_REFUSES = re.compile(
    r"unsupported|not\W+support|unrecogni[sz]ed|unknown|unexpected|extra|additional|forbidden|not\W+(?:permitted|allowed)"
    r"|(?:not|no longer)\W+(?:accept|available|valid)|deprecated|invalid\W+(?:param|arg|field|key)",
    re.IGNORECASE,
)
"""Words against a parameter as such. One that is only too large or too small for a request is that request's matter."""


class Parameters:
    """What one server was found to refuse. Calls of one event loop may share it.

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
        """Remember that a parameter is refused; what is done about it, or "" if that was known."""
        known = name in self._refused
        self._refused.add(name)
        return "" if known else _CONSEQUENCE[name]

    def fitted(self, arguments: dict[str, Any]) -> dict[str, Any]:
        """Arguments without what is refused."""
        for name in sorted(self._refused):
            arguments = without(arguments, name)
        return arguments


def without(arguments: dict[str, Any], name: str) -> dict[str, Any]:
    """Arguments in which one is left out, or has its other name."""
    rest = {key: value for key, value in arguments.items() if key != name}
    other = _INSTEAD[name]
    return rest | {other: arguments[name]} if other and name in arguments else rest


def refused_parameter(said: Any, sent: dict[str, Any]) -> str:
    """The parameter that a server's refusal names, if the call can do without it; else "".

    Args:
        said: the body of the refusal.
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
    """What decides a reply and was not sent."""
    names = {"temperature", *(() if sent.get("temperature") == 0 else ("seed",))}
    return tuple(sorted(name for name in names if name in asked and name not in sent))
