"""Makes control characters in untrusted texts visible."""

from __future__ import annotations

import re

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters except tab and newline, bidirectional overrides and isolates, and surrogates."""


def shown(text: str) -> str:
    """A text that is safe for a terminal or a page: control characters are replaced by their names in angle brackets.

    Args:
        text: any text. A carriage return before a newline is dropped.

    Example:
        >>> shown("a" + chr(27) + "[31mb" + chr(0x202E))
        'a⟨U+001B⟩[31mb⟨U+202E⟩'
    """
    return _HIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text.replace("\r\n", "\n"))
