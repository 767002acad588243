"""Checks whether a text contains an accepted answer."""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.scoring.normalise import ARTICLES, normalise


def contains_answer(text: str, answers: Sequence[str]) -> bool:
    """Whether `text` contains any of `answers` as whole words after normalisation ("cover exact match").

    This is the usual metric of retrieval-augmented QA (`match` in Self-RAG, cover-EM in INFO-RAG), except that it
    respects word boundaries: "Bonaparte" does not contain "art". An empty answer never matches.

    Example:
        >>> contains_answer("It was Wilhelm Röntgen, in 1895.", ["W. Rontgen", "Wilhelm Rontgen"])
        True
        >>> contains_answer("Napoleon Bonaparte", ["art"])
        False
    """
    padded = f" {normalise(text)} "
    return any(_stands(answer, padded, text) for answer in answers)


def _stands(answer: str, padded: str, text: str) -> bool:
    words = normalise(answer)
    if f" {words} " in padded:
        return bool(words)
    if words.rpartition(" ")[2] not in ARTICLES or " " not in words:
        return False
    # compare with articles: normalising drops the "a" of "Hepatitis A is", as if it were an article
    return f" {normalise(answer, True)} " in f" {normalise(text, True)} "
