"""Normalises texts before they are compared, so that case, accents, punctuation, articles and spaces do not count."""

from __future__ import annotations

import re
from functools import lru_cache

from hf_selfdemo.scoring.scripts import MARKS, SIGN, UNSPACED, without_accents

ARTICLES = {"a", "an", "the"}
_DIGIT_COMMA = re.compile(r",(?<=\d,)(?=\d{3}\b)")
_SPACED = rf"(?:\w|[{MARKS}])+(?:\.\d+)?(?:(?<=[^\W\d{UNSPACED}]){SIGN})?"  # also "A+", "C++", "F#"
_WORD = re.compile(rf"(?<!\w)[^\W\d{UNSPACED}]{{1,2}}-(?![\w-])|{_SPACED}")  # also "O-", "AB-"
_UNSIGNED = re.compile(r"\w+(?:\.\d+)?")  # twice as fast, for texts without marks and signs
_APART = re.compile(rf"[{UNSPACED}][{MARKS}]*|[^{UNSPACED}]+")
_ABBREVIATION = re.compile(r"\b((?:[^\W\d_]\.){2,})")


_SHORT = 256
"""The most characters of a text that is cached. Longer texts are passages, which would fill many megabytes."""


def normalise(text: str, keep_articles: bool = False, by_letter: bool = True) -> str:
    """Lower-case a text, fold accents, drop punctuation and English articles, and collapse blanks.

    Follows SQuAD v1.1's evaluation script, except where it fails on real answers: accents are folded, hyphens separate
    words instead of joining them, thousands separators are dropped, and decimal points and signs after a letter ("C++",
    "O-") are kept. Scripts without blanks between words are split into letters. A last word is kept even if it looks
    like an article ("hepatitis A"). A text without words keeps its signs, so only a blank text becomes empty.

    Args:
        text: any text.
        keep_articles: whether to keep all articles.
        by_letter: whether to split scripts without blanks between words into letters.

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


# several scorers normalise the same answers for every row
_kept = lru_cache(maxsize=1 << 13)(_normalised)
