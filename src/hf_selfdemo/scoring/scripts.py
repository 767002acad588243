"""What Python does not know of the letters of the world: which are words of their own, and which signs are accents."""

from __future__ import annotations

import re
import unicodedata

UNSPACED = (
    "\u0e01-\u0e33\u0e40-\u0e46\u0e81-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf\u1000-\u102a\u1780-\u17b3"
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Letters, as ranges of `re`, of scripts that put no blanks between words (Chinese, Japanese, Thai, Lao, Khmer,
Burmese) or glue particles to them (Korean): texts are compared letter by letter."""

_SPELLING = (
    "\u0900-\u0963\u0970-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e"
    "\u17b4-\u17d3\u3099\u309a"
)
"""Vowels and other signs, as ranges of `re`, without which another word is written: no accents."""

MARKS = f"\u0300-\u036f\u0591-\u05c7\u064b-\u065f{_SPELLING}"
"""Signs, as ranges of `re`, that go with the letter before them."""

SIGN = r"(?:\+{2,}|[+\#](?!\w))"
"""What behind a letter makes another thing of it, as a pattern of `re`: C++, F#, A+."""

_UNSPACED = re.compile(f"[{UNSPACED}]")
_SPELT = re.compile(f"[{_SPELLING}]")


def is_unspaced(word: str) -> bool:
    """Whether a word begins with a letter of a script without blanks.

    Example:
        >>> is_unspaced("京"), is_unspaced("kyoto")
        (True, False)
    """
    return bool(_UNSPACED.match(word))


def without_accents(text: str) -> str:
    """A text without case, accents and other variants of its letters.

    Example:
        >>> without_accents("Röntgen, ﬁfth"), without_accents("ガ")
        ('rontgen, fifth', 'ガ')
    """
    # both ways round: some letters have a lower case only once they are decomposed, others only before
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.casefold()).casefold())
    bare = "".join(c for c in text if not unicodedata.combining(c) or _SPELT.match(c))
    return unicodedata.normalize("NFC", bare)
