"""Text as the scorers compare it: case, accents, punctuation, articles and spacing do not count."""

from __future__ import annotations

import re
from functools import lru_cache

from hf_selfdemo.scoring.scripts import MARKS, SIGN, UNSPACED, without_accents

ARTICLES = {"a", "an", "the"}
_DIGIT_COMMA = re.compile(r",(?<=\d,)(?=\d{3}\b)")
_SPACED = rf"(?:\w|[{MARKS}])+(?:\.\d+)?(?:(?<=[^\W\d{UNSPACED}]){SIGN})?"  # with A+, C++, F#
_WORD = re.compile(rf"(?<!\w)[^\W\d{UNSPACED}]{{1,2}}-(?![\w-])|{_SPACED}")  # and O-, AB-
_UNSIGNED = re.compile(r"\w+(?:\.\d+)?")  # the same in half the time, where there are neither marks nor signs
_APART = re.compile(rf"[{UNSPACED}][{MARKS}]*|[^{UNSPACED}]+")
_ABBREVIATION = re.compile(r"\b((?:[^\W\d_]\.){2,})")


_SHORT = 256
"""Characters; longer texts are passages, and a cache of them grows with the rows to many megabytes."""


def normalise(text: str, keep_articles: bool = False, by_letter: bool = True) -> str:
    """Lower-case, fold accents, drop punctuation and English articles, squeeze blanks.

    Follows SQuAD v1.1's evaluation script, and goes on where it fails on real answers: accents are folded, hyphens
    part words instead of gluing them, thousands separators vanish, decimal points stay, and so do signs on a letter
    ("C++", "O-"). Scripts that put no blanks between words come apart letter by letter. An article that nothing
    follows is none ("hepatitis A"), and a text without any word keeps its signs, so that no text is left without all.

    Args:
        text: any.
        keep_articles: whether all of them stay.
        by_letter: False leaves scripts that put no blanks between words together.

    Example:
        >>> normalise("The Röntgen-rays, in 1,895 A.D.!")
        'rontgen rays in 1895 ad'
        >>> normalise("C++"), normalise("A"), normalise("The The"), normalise("?!")
        ('c++', 'a', 'the the', '?!')
    """
    return (_kept if len(text) <= _SHORT else _normalised)(text, keep_articles, by_letter)


def _normalised(text: str, keep_articles: bool, by_letter: bool) -> str:
    folded = text.lower() if text.isascii() else without_accents(text)
    plain = _DIGIT_COMMA.sub("", folded).replace("_", " ").replace("−", "-").replace("'", "").replace("’", "")
    if plain.count(".") > 1:
        plain = _ABBREVIATION.sub(lambda m: m.group(1).replace(".", ""), plain)  # a.d. -> ad
    signed = not plain.isascii() or "-" in plain or "+" in plain or "#" in plain
    words = (_WORD if signed else _UNSIGNED).findall(plain) or folded.split() or text.split()
    if by_letter and not plain.isascii():
        words = [part for word in words for part in _APART.findall(word)]
    if keep_articles or ARTICLES.issuperset(words):
        return " ".join(words)
    return " ".join([*(word for word in words[:-1] if word not in ARTICLES), words[-1]])


_kept = lru_cache(maxsize=1 << 13)(
    _normalised
)  # the same answers are looked at again and again, and by several scorers
