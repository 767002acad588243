"""A prediction, read once for all the answers it is compared with."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from hf_selfdemo.scoring.answers.tokens import BREAK, Words, in_a_row
from hf_selfdemo.scoring.answers.words import words


class Reading(NamedTuple):
    """A text ready to be searched: its words, the words in a row (sentence ends left out), and its sentences."""

    words: Words
    row: str
    sentences: tuple[tuple[str, ...], ...]


@lru_cache(maxsize=1 << 8)
def read(text: str) -> Reading:
    """Read a text.

    Example:
        >>> read("It was 1,895. The U.S. won.").sentences
        (('it', 'was', '#1895'), ('the', 'usa', 'won'))
    """
    found = words(text)
    sentences: list[list[str]] = [[]]
    for key in found.keys:
        if key == BREAK:
            sentences.append([])
        else:
            sentences[-1].append(key)
    row = in_a_row([key for key in found.keys if key != BREAK])
    return Reading(found, row, tuple(tuple(sentence) for sentence in sentences if sentence))


@lru_cache(maxsize=1 << 15)
def row_of(answer: str) -> str:
    """The words of an answer in a row, without sentence ends; one blank if it holds no word.

    Example:
        >>> row_of("the U.S."), row_of("?!")
        (' usa ', ' ')
    """
    return in_a_row([key for key in words(answer).keys if key != BREAK])
