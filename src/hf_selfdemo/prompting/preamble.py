"""Removes phrases with which models often introduce what they were asked for."""

from __future__ import annotations

import re

_PREAMBLE = re.compile(
    r"^\W*(?:(?:sure|certainly|of course|okay|ok)\W+)?here(?:['’]s| is| are)\b[^:\n]{0,80}:[*\s]*", re.IGNORECASE
)


def without_preamble(text: str) -> str:
    """The text without an opening such as "Here is a summary:", up to its first colon.

    Example:
        >>> without_preamble("Sure! Here's the answer in short: Bern.")
        'Bern.'
    """
    return _PREAMBLE.sub("", text.strip(), count=1).strip()
