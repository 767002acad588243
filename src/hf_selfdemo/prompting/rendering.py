"""Turns to text by a tokenizer's chat template: a program of others, which need not come to an end.

Jinja's sandbox keeps a template from the machine, but neither its time nor the size of what it makes. What it does may
hang on the messages, so that every rendering is bounded, not only a first one.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn

from jinja2 import Environment, TemplateSyntaxError

from hf_selfdemo.core.bounded import bounded
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Message

OTHER_TEMPLATE = "set tokenizer.chat_template to one whose turns hold plain text"
"""What to do about a template that cannot be used."""

_LONGEST_S, _LARGEST = 20, 2 * 1024**3
"""Seconds and bytes that a template may take; it takes a thousandth of either."""

_SPARE, _TIMES = 1_000_000, 8
"""Characters that a template may write of its own, and how often it may repeat what it is given."""


def render_turns(tokenizer: Any, template: str, turns: Sequence[Message], **options: Any) -> str:
    """The template's text for these turns.

    Args:
        tokenizer: a transformers tokenizer.
        template: of its chat templates.
        turns: what is said.
        options: of `apply_chat_template`.

    Raises:
        UserError: if it does not come to an end, or makes more of the turns than a conversation.
        TemplateError: if it refuses the turns.
        TypeError: if it wants turns of another kind.
    """
    try:
        with bounded(_LONGEST_S, _LARGEST):
            rendered: str = tokenizer.apply_chat_template(
                list(turns), chat_template=template, tokenize=False, enable_thinking=False, **options
            )
    except TimeoutError:
        _refuse(tokenizer, f"does not come to an end in {_LONGEST_S} seconds")
    except (MemoryError, OverflowError):
        _refuse(tokenizer, "writes more than memory holds")
    except RecursionError:
        _refuse(tokenizer, "calls itself for ever")
    if len(rendered) > _SPARE + _TIMES * sum(len(turn["content"]) for turn in turns):
        _refuse(tokenizer, f"makes {len(rendered):,} characters of a conversation")
    return rendered


def refuse_powers(tokenizer: Any, template: str) -> None:
    """Refuse a template that takes powers: a number of any length is one step of Python, which nothing stops.

    Raises:
        UserError: if it does.
    """
    try:
        signs = [sign for _, kind, sign in Environment().lex(template) if kind != "whitespace"]
    except TemplateSyntaxError:  # told when it is rendered
        return
    if any(sign == "**" and before not in ("(", ",") for before, sign in pairwise(signs)):
        _refuse(tokenizer, "takes powers (**)")


def name_of(tokenizer: Any) -> str:
    """A tokenizer as messages call it."""
    return repr(tokenizer.name_or_path) if tokenizer.name_or_path else "this tokenizer"


def _refuse(tokenizer: Any, what: str) -> NoReturn:
    raise UserError(f"the chat template of {name_of(tokenizer)} {what}", OTHER_TEMPLATE) from None
