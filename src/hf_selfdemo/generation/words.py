"""Turns scores of tokens into scores of words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_WINDOW = 8
"""Number of tokens that are decoded together: enough to show whether there is a blank between two of them."""

_UNFINISHED = "\N{REPLACEMENT CHARACTER}"
"""The decoded form of a character whose last bytes are in a later token."""


def word_scores(
    tokenizer: Any, text: str, shown: str, ids: Sequence[int], scores: Sequence[float]
) -> tuple[float, ...] | None:
    """The highest score among the tokens of each word.

    Args:
        tokenizer: the tokenizer that made the tokens.
        text: the text, whose words are those of `str.split`.
        shown: the text as it was tokenized, with more blanks if control tokens in it were disarmed.
        ids: the token ids of `shown`.
        scores: one score per token, 0 or more.

    Returns:
        One score per word, or None if the tokens do not show where words begin.
    """
    pieces = shown.split()
    highest = [-1.0] * len(pieces)
    for words, score in zip(words_of_tokens(tokenizer, ids), scores, strict=True):
        for word in words:
            if word >= len(pieces):
                return None
            highest[word] = max(highest[word], score)
    if -1.0 in highest:
        return None
    rest = iter(zip(pieces, highest, strict=True))
    return tuple(_highest(rest, len(word)) for word in text.split())


def _highest(pieces: Any, length: int) -> float:
    """The highest score among the next pieces, which have `length` characters together."""
    best = 0.0
    while length > 0:
        piece, score = next(pieces)
        length, best = length - len(piece), max(best, score)
    return best


def words_of_tokens(tokenizer: Any, ids: Sequence[int]) -> list[range]:
    """For each token, the indices of the words that it is part of; none for a token of blanks.

    Tokenizers mark blanks in different ways, so the text is decoded up to each token and its words are counted.

    Args:
        tokenizer: a tokenizer of transformers.
        ids: the token ids of a text from its beginning.
    """
    places = []
    words = 0
    for i in range(len(ids)):
        before, after = (_decoded(tokenizer, ids[max(0, i - _WINDOW) : end]) for end in (i, i + 1))
        begun = len(after.split()) - len(before.split())
        words += begun
        blank = before.rstrip() == after.rstrip() and not after.endswith(_UNFINISHED)
        places.append(range(0) if blank else range(max(0, words - max(begun, 1)), words))
    return places


def _decoded(tokenizer: Any, ids: Sequence[int]) -> str:
    text: str = tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)
    return text
