"""Parse a text once, for comparison with several answers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import groupby, pairwise
from typing import NamedTuple

from hf_selfdemo.scoring.answers.tokens import BREAK, Words, in_a_row
from hf_selfdemo.scoring.answers.words import words


class Reading(NamedTuple):
    """A parsed text: its words, its keys joined by `in_a_row` (`row`), and the keys of each sentence."""

    words: Words
    row: str
    sentences: tuple[tuple[str, ...], ...]

    def apart(self) -> Iterator[Reading]:
        """Yield each sentence as a text of its own.

        Example:
            >>> [sentence.row for sentence in read("It rained. Bern won.").apart()]
            [' it rained ', ' bern won ']
        """
        for is_break, group in groupby(zip(*self.words, strict=True), key=lambda pair: pair[1] == BREAK):
            if not is_break:
                raw, keys = zip(*group, strict=True)
                yield Reading(Words(raw, keys), in_a_row(keys), (keys,))


@lru_cache(maxsize=1 << 8)
def read(text: str) -> Reading:
    """Parse a text into words and sentences.

    Example:
        >>> read("It was 1,895. The U.S. won.").sentences
        (('it', 'was', '#1895'), ('the', 'usa', 'won'))
    """
    found = words(text)
    ends = [place for place, key in enumerate(found.keys) if key == BREAK]
    borders = pairwise([-1, *ends, len(found.keys)])
    return Reading(found, in_a_row(found.keys), tuple(found.keys[a + 1 : b] for a, b in borders if a + 1 < b))


@lru_cache(maxsize=1 << 10)
def row_of(answer: str) -> str:
    """The words of an answer as joined by `in_a_row`; a single space if it contains no word.

    Example:
        >>> row_of("the U.S."), row_of("?!")
        (' usa ', ' ')
    """
    return in_a_row(words(answer).keys)
