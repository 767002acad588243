"""Shortens long passages: truncates them after a number of words, or splits them between sentences."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise

from hf_selfdemo.core.types import Passage

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


def cut_words(text: str, limit: int) -> str:
    """The first `limit` words of a text, with the spacing between them; 0 keeps the whole text.

    Example:
        >>> cut_words("one  two three", 2)
        'one  two'
    """
    if limit <= 0:
        return text
    words = text.split(maxsplit=limit)
    return text if len(words) <= limit else text[: len(text) - len(words[limit])].rstrip()


def shortened(passages: Iterable[Passage], max_words: int, split: bool = False) -> list[Passage]:
    """The passages, none longer than `max_words`.

    Args:
        passages: the passages to shorten.
        max_words: the most words of a passage; 0 keeps all passages whole.
        split: split longer passages into pieces with the ids `ID#1`, `ID#2` and so on and the same title and score.
            Otherwise longer passages are truncated.

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
    """The sentences of a text, including the blanks after them. A sentence of more than `max_words` comes in parts."""
    from sentencex import segment

    for sentence in segment("en", text):  # its English rules also know the sentence ends of other scripts
        starts = [match.start() for match in _WORD.finditer(sentence)]
        cuts = [0, *starts[max_words::max_words], len(sentence)]
        yield from (sentence[a:b] for a, b in pairwise(cuts))


def _packed(parts: Iterable[str], max_words: int) -> Iterator[str]:
    """Joins consecutive parts into pieces of at most `max_words` words."""
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
    """The number of words of a text, as separated by blanks. Each Chinese or Japanese character counts as a word.

    Example:
        >>> count_words("two words")
        2
    """
    return sum(1 for _ in _WORD.finditer(text))
