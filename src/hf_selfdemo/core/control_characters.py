"""Characters that command whoever shows a text instead of being shown, made visible."""

from __future__ import annotations

import re

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but for tab and newline, bidirectional overrides and isolates, halves of surrogate pairs."""


def shown(text: str) -> str:
    """A text for a terminal or a page: control characters become their names, in angle brackets.

    Args:
        text: any. A carriage return before a newline belongs to it, and is dropped.

    Example:
        >>> shown("a" + chr(27) + "[31mb" + chr(0x202E))
        'a⟨U+001B⟩[31mb⟨U+202E⟩'
    """
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))
