"""Reads the answer of a reply that is a JSON object."""

from __future__ import annotations

import json
import re
from typing import Any

_ANSWER = re.compile(r"answer|result|response|output|reply|value", re.IGNORECASE)


def answer_in(text: str) -> str | None:
    """The answer in a JSON object, or all its values if no key names an answer.

    The result is "" if the values are empty, and None if `text` is not a JSON object.

    Example:
        >>> answer_in('{"answer": "not_found", "passage": 2}'), answer_in('{"answer": null}'), answer_in("It is Rome.")
        ('not found', '', None)
    """
    if not text.lstrip().startswith("{"):
        return None
    try:
        found = json.loads(text)
    except ValueError:
        return None
    given: list[Any] = [value for key, value in found.items() if _ANSWER.search(key)] or list(found.values())
    return ". ".join(str(value).replace("_", " ") for value in given if value or (value == 0 and value is not False))
