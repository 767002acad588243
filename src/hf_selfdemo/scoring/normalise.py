"""Text as the scorers compare it: case, accents, punctuation, articles and spacing do not count."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_ARTICLES = {"a", "an", "the"}
_DIGIT_COMMA = re.compile(r"(?<=\d),(?=\d{3}\b)")
_APART = re.compile(r"[-‐-―/_]")  # hyphens and slashes part words: "North-West" is two
_WORD = re.compile(r"\w+(?:\.\d+)?", re.UNICODE)
_ABBREVIATION = re.compile(r"\b((?:[^\W\d_]\.){2,})")


@lru_cache(maxsize=1 << 16)  # the same answers and passages are looked at by many rows and several scorers
def normalise(text: str) -> str:
    """Lower-case, fold accents, drop punctuation and English articles, squeeze blanks.

    Follows SQuAD v1.1's evaluation script, and goes on where it fails on real answers: accents are folded, hyphens
    part words instead of gluing them, thousands separators vanish, and decimal points stay.

    Example:
        >>> normalise("The Röntgen-rays, in 1,895 A.D.!")
        'rontgen rays in 1895 ad'
    """
    text = text.lower() if text.isascii() else _folded(text)
    text = _APART.sub(" ", _DIGIT_COMMA.sub("", text)).replace("'", "").replace("’", "")
    text = _ABBREVIATION.sub(lambda m: m.group(1).replace(".", ""), text)  # a.d. -> ad
    return " ".join(word for word in _WORD.findall(text) if word not in _ARTICLES)


def _folded(text: str) -> str:
    """Without case, accents and other variants of letters."""
    # both ways round: some letters have a lower case only once they are decomposed, others only before
    text = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text.casefold()).casefold())
    return "".join(c for c in text if not unicodedata.combining(c))
