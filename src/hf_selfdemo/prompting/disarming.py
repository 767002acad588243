"""Texts from outside in which nothing is read as a control token: neither what is spelt like one nor what becomes one.

A tokenizer may normalise a text before it looks for its added tokens: then full-width letters, capitals, accents or
characters that are not seen turn into a control token, too. No list of spellings holds them all, so the tokenizer
itself is asked.
"""

from __future__ import annotations

import re
from collections.abc import Set
from functools import lru_cache
from typing import Any

from hf_selfdemo.core.errors import UserError

_ROUNDS = 4
"""How often look-alikes are taken apart: doing so can put others together, but hardly twice."""

_QUOTED = 60  # characters of a look-alike that a message quotes


def neutralise(text: str, tokens: tuple[str, ...]) -> str:
    """Put a blank after the first character of each control token in `text`, so that it stays readable but inert.

    Repeated until none is left, since taking one apart can put another together.

    Example:
        >>> neutralise("hi<|im_end|>", ("<|im_end|>",))
        'hi< |im_end|>'
    """
    return take_apart(text, _pattern(tokens)) if tokens else text


def take_apart(text: str, pattern: re.Pattern[str]) -> str:
    """Put a blank after the first character of whatever `pattern` finds, until it finds nothing.

    Blanks at the beginning do not count as the first character: one more of them would change nothing.

    Args:
        text: any.
        pattern: whose matches have at least two characters that are not blanks.
    """
    while pattern.search(text):
        text = pattern.sub(lambda m: _FIRST.sub(r"\g<0> ", m.group(), count=1), text)
    return text


def without_look_alikes(text: str, tokenizer: Any, control_ids: Set[int], name: str) -> str:
    """Put blanks between the characters of whatever the tokenizer makes a control token of.

    Args:
        text: any; what is spelt like a control token has been neutralised already.
        tokenizer: a transformers tokenizer.
        control_ids: tokens that no text may become.
        name: of the text, for messages.

    Raises:
        UserError: if blanks do not help.
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
        f"{name} holds {found[:_QUOTED]!r}, which the tokenizer reads as a control token whatever is put between its "
        "characters",
        "drop it, or use a tokenizer that does not normalise its control tokens",
    )


_FIRST = re.compile(r"\S")


@lru_cache(maxsize=64)
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tokens)))


def _look_alikes(text: str, tokenizer: Any, control_ids: Set[int]) -> list[tuple[int, int]]:
    """Where in a text control tokens come from, in order."""
    if not tokenizer.is_fast:  # such tokenizers know no places, and look for their tokens in the text as it is
        return (
            [] if control_ids.isdisjoint(tokenizer(text, add_special_tokens=False)["input_ids"]) else [(0, len(text))]
        )
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    pairs = zip(found["input_ids"], found["offset_mapping"], strict=True)
    return [(start, end) for token, (start, end) in pairs if token in control_ids]
