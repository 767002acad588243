"""Properties of letters that Python lacks: scripts without blanks between words, and signs that are not accents."""

from __future__ import annotations

import re
import unicodedata

UNSPACED = (
    "\u0e01-\u0e33\u0e40-\u0e46\u0e81-\u0eb3\u0ebd-\u0ec6\u0edc-\u0edf\u1000-\u102a\u1780-\u17b3"
    "\u1100-\u11ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Letters of scripts without blanks between words (Chinese, Japanese, Thai, Lao, Khmer, Burmese) or with particles
attached to words (Korean), as ranges of a regular expression. Texts in these scripts are compared letter by letter."""

_SPELLING = (
    "\u0900-\u0963\u0970-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd\u102b-\u103e"
    "\u17b4-\u17d3\u3099\u309a"
)
"""Vowels and other signs that are not accents, because without them a word becomes another one; as ranges of a regular
expression."""

MARKS = f"\u0300-\u036f\u0591-\u05c7\u064b-\u065f{_SPELLING}"
"""Signs that belong to the letter before them, as ranges of a regular expression."""

SIGN = r"(?:\+{2,}|[+\#](?!\w))"
"""A regular expression for signs that change the meaning of the letter before them, e.g. in "C++", "F#" and "A+"."""

_UNSPACED = re.compile(f"[{UNSPACED}]")
_SPELT = re.compile(f"[{_SPELLING}]")


def is_unspaced(word: str) -> bool:
    """Whether a word begins with a letter of `UNSPACED`.

    Example:
        >>> is_unspaced("京"), is_unspaced("kyoto")
        (True, False)
    """
    return bool(_UNSPACED.match(word))


def without_accents(text: str) -> str:
    """The text in lower case, without accents and other variants of its letters.

    Example:
        >>> without_accents("Röntgen, ﬁfth"), without_accents("ガ")
        ('rontgen, fifth', 'ガ')
    """
    # fold case twice: some letters have a lower case only after they are decomposed, others only before
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.casefold()).casefold())
    bare = "".join(c for c in text if not unicodedata.combining(c) or _SPELT.match(c))
    return unicodedata.normalize("NFC", bare)
