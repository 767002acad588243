"""Long passages: cut after so many words, or split into pieces between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from hf_selfdemo.core.types import Passage

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


def cut_words(text: str, limit: int) -> str:
    """The first `limit` words, the spacing between them kept; 0 keeps all.

    Example:
        >>> cut_words("one  two three", 2)
        'one  two'
    """
    if limit <= 0:
        return text
    words = text.split(maxsplit=limit)
    return text if len(words) <= limit else text[: len(text) - len(words[limit])].rstrip()


def shortened(passages: Iterable[Passage], max_words: int, split: bool = False) -> list[Passage]:
    """The passages with none longer than `max_words`; 0 keeps them whole.

    Args:
        passages: any number.
        max_words: the longest that is kept as it is.
        split: make pieces of longer ones, `ID#1` and so on, with title and score; else they are cut.

    Example:
        >>> long = Passage("a", "Ada wrote it. It was the first program.")
        >>> [(p.id, p.text) for p in shortened([long], 5, split=True)]
        [('a#1', 'Ada wrote it.'), ('a#2', 'It was the first program.')]
    """
    if not split or max_words <= 0:
        return [replace(p, text=cut_words(p.text, max_words)) for p in passages]
    return [piece for passage in passages for piece in _pieces(passage, max_words)]


def _pieces(passage: Passage, max_words: int) -> list[Passage]:
    if count_words(passage.text) <= max_words:
        return [passage]
    texts = _packed(_sentences(passage.text, max_words), max_words)
    return [replace(passage, id=f"{passage.id}#{i}", text=text) for i, text in enumerate(texts, 1)]


def _sentences(text: str, max_words: int) -> Iterator[str]:
    """The sentences, blanks after them included; one that is too long comes in parts."""
    from sentencex import segment

    for sentence in segment("en", text):  # its rules for the ends of sentences know those of other scripts
        starts = [match.start() for match in _WORD.finditer(sentence)]
        cuts = [0, *starts[max_words::max_words], len(sentence)]
        yield from (sentence[a:b] for a, b in pairwise(cuts))


def _packed(parts: Iterable[str], max_words: int) -> Iterator[str]:
    """As many parts to a piece as its words allow."""
    piece, length = "", 0
    for part in parts:
        words = count_words(part)
        if piece.strip() and length + words > max_words:
            yield piece.strip()
            piece, length = "", 0
        piece, length = piece + part, length + words
    if piece.strip():
        yield piece.strip()


def count_words(text: str) -> int:
    """How many words a text has: what stands between blanks, and each sign of Chinese or Japanese.

    Example:
        >>> count_words("two words")
        2
    """
    return sum(1 for _ in _WORD.finditer(text))
