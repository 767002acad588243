"""Messages to token ids, safely: whatever stands in a passage, only the chat template opens and closes turns.

The tokenizer is used through its public methods; nothing here imports transformers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from hf_selfdemo.types import Message


def control_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Every added token whose text, found in a passage, would be read as one token with a meaning of its own.

    Special or not: some tokenizers mark `<think>` or `[INST]` as ordinary added tokens. Runs of blanks are left alone.
    """
    added = (token.content for token in tokenizer.added_tokens_decoder.values())
    words = {text for text in added if len(text.strip()) > 1 and not text.isalnum()}
    return tuple(sorted(words, key=lambda t: (-len(t), t)))


@lru_cache(maxsize=64)
def _pattern(tokens: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, tokens)))


def neutralise(text: str, tokens: tuple[str, ...]) -> str:
    """Put a blank after the first character of each control token in `text`, so that it stays readable but inert.

    Repeated until none is left, since taking one apart can put another together.

    Example:
        >>> neutralise("hi<|im_end|>", ("<|im_end|>",))
        'hi< |im_end|>'
    """
    return take_apart(text, _pattern(tokens)) if tokens else text


def take_apart(text: str, pattern: re.Pattern[str]) -> str:
    """Put a blank after the first character of whatever `pattern` finds, until it finds nothing."""
    while pattern.search(text):
        text = pattern.sub(lambda m: m.group()[0] + " " + m.group()[1:], text)
    return text


def encode_prompt(tokenizer: Any, messages: Sequence[Message]) -> list[int]:
    """Token ids of `messages` up to where the assistant begins to write, control tokens in their text disarmed.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        messages: chat turns; contents are untrusted.
    """
    tokens = control_tokens(tokenizer)
    safe = [{"role": m["role"], "content": neutralise(m["content"], tokens)} for m in messages]
    rendered = tokenizer.apply_chat_template(safe, tokenize=False, add_generation_prompt=True)
    return tokenizer(rendered, add_special_tokens=False)["input_ids"]


def encode_response(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a reply followed by the token that ends the assistant's turn: exactly what is to be learnt."""
    ids = tokenizer(neutralise(text, control_tokens(tokenizer)), add_special_tokens=False)["input_ids"]
    return [*ids, stop_token_id(tokenizer)]


def stop_token_id(tokenizer: Any) -> int:
    """The token with which the chat template ends an assistant turn (often, but not always, `eos_token`).

    Raises:
        ValueError: if the tokenizer has neither a template that ends the turn with one token nor an eos token.
    """
    marker = "zq"
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": marker}]
    rendered = tokenizer.apply_chat_template(chat, tokenize=False)
    tail = tokenizer(rendered.rpartition(marker)[2].lstrip(), add_special_tokens=False)["input_ids"]
    added = tokenizer.added_tokens_decoder
    if tail and tail[0] in added and added[tail[0]].special:
        return tail[0]
    if tokenizer.eos_token_id is None:
        raise ValueError("the tokenizer has no token that ends an assistant turn; set tokenizer.eos_token")
    return tokenizer.eos_token_id
