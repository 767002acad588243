"""Does a text hold an accepted answer?"""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.scoring.normalise import normalise


def contains_answer(text: str, answers: Sequence[str]) -> bool:
    """True if any of `answers` stands in `text` as whole words after normalisation ("cover exact match").

    The usual scorer of retrieval-augmented QA (`match` in Self-RAG, cover-EM in INFO-RAG), except that it respects
    word borders: "art" is not in "Bonaparte". An answer that normalises to nothing never matches.

    Example:
        >>> contains_answer("It was Wilhelm Röntgen, in 1895.", ["W. Rontgen", "Wilhelm Rontgen"])
        True
        >>> contains_answer("Napoleon Bonaparte", ["art"])
        False
    """
    padded = f" {normalise(text)} "
    return any(f" {gold} " in padded for gold in map(normalise, answers) if gold)
