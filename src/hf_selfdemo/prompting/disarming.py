"""Disarms untrusted texts, so that no part of them is encoded as a control token.

A tokenizer may normalise a text before it searches for its added tokens. Then full-width letters, capitals, accents or
invisible characters can become a control token too. No list of spellings is complete, so the tokenizer itself is used
to find them.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache
from typing import Any

from hf_selfdemo.core.errors import UserError

_ROUNDS = 4
"""The most passes over a text. Blanks in one look-alike can create another, but hardly twice."""

_QUOTED = 60  # the most characters of a look-alike that a message quotes


def neutralise(text: str, tokens: tuple[str, ...]) -> str:
    """Insert a blank after the first character of each control token, so that it is readable but has no effect.

    This is repeated until none is left, since a blank in one token can create another.

    Example:
        >>> neutralise("hi<|im_end|>", ("<|im_end|>",))
        'hi< |im_end|>'
    """
    return take_apart(text, _pattern(tokens)) if tokens else text


def take_apart(text: str, pattern: re.Pattern[str]) -> str:
    """Insert a blank after the first character of every match of `pattern`, until there is no match.

    The first character is the first that is not a blank, since one more leading blank would change nothing.

    Args:
        text: any text.
        pattern: a pattern whose matches have at least two characters that are not blanks.
    """
    while pattern.search(text):
        text = pattern.sub(lambda m: _FIRST.sub(r"\g<0> ", m.group(), count=1), text)
    return text


def without_look_alikes(text: str, tokenizer: Any, control_ids: Set[int], name: str) -> str:
    """Insert blanks between the characters of everything that the tokenizer encodes as a control token.

    Args:
        text: a text after `neutralise`.
        tokenizer: a transformers tokenizer.
        control_ids: the ids of tokens that no text may become.
        name: the name of the text, for messages.

    Raises:
        UserError: if a control token remains.
    """
    found = ""
    for _ in range(_ROUNDS):
        spans = _look_alikes(text, tokenizer, control_ids)
        if not spans:
            return text
        found = found or text[slice(*spans[0])]
        for start, end in reversed(spans):
            text = f"{text[:start]} {' '.join(text[start:end])} {text[end:]}"
    raise UserError(
        f"{name} contains {found[:_QUOTED]!r}, which the tokenizer reads as a control token even with blanks between "
        "its characters",
        "drop the text, or use a tokenizer that does not normalise its control tokens",
    )


_FIRST = re.compile(r"\S")


@lru_cache(maxsize=64)
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tokens)))


def _look_alikes(text: str, tokenizer: Any, control_ids: Set[int]) -> list[tuple[int, int]]:
    """The spans of a text that the tokenizer encodes as control tokens, in order."""
    if not tokenizer.is_fast:  # slow tokenizers have no offsets, and search for their tokens in the unchanged text
        return (
            [] if control_ids.isdisjoint(tokenizer(text, add_special_tokens=False)["input_ids"]) else [(0, len(text))]
        )
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    pairs = zip(found["input_ids"], found["offset_mapping"], strict=True)
    return [(start, end) for token, (start, end) in pairs if token in control_ids]
