"""Renders turns with a tokenizer's chat template, which is untrusted code and may not terminate.

Jinja's sandbox protects the machine from a template, but does not limit its time or the size of its output. These may
depend on the messages, so every rendering is limited.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NoReturn

from jinja2 import Environment, TemplateSyntaxError

from hf_selfdemo.core.bounded import bounded
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Message

OTHER_TEMPLATE = "set tokenizer.chat_template to a template that renders turns of plain text"
"""The remedy for a template that cannot be used."""

_LONGEST_S, _LARGEST = 20, 2 * 1024**3
"""The most seconds and bytes that a template may use. A usual one uses a thousandth of either."""

_SPARE, _TIMES = 1_000_000, 8
"""The most characters that a template may add, and how many times it may repeat the contents."""


def render_turns(tokenizer: Any, template: str, turns: Sequence[Message], **options: Any) -> str:
    """The text that a chat template renders for these turns.

    Args:
        tokenizer: a transformers tokenizer.
        template: the chat template.
        turns: the turns of the conversation.
        options: options of `apply_chat_template`.

    Raises:
        UserError: if the template does not terminate in time, or its output is too large.
        TemplateError: if the template rejects the turns.
        TypeError: if the template expects turns of another type.
    """
    try:
        with bounded(_LONGEST_S, _LARGEST):
            rendered: str = tokenizer.apply_chat_template(
                list(turns), chat_template=template, tokenize=False, enable_thinking=False, **options
            )
    except TimeoutError:
        _refuse(tokenizer, f"does not finish within {_LONGEST_S} seconds")
    except (MemoryError, OverflowError):
        _refuse(tokenizer, "needs more memory than is allowed")
    except RecursionError:
        _refuse(tokenizer, "calls itself without end")
    if len(rendered) > _SPARE + _TIMES * sum(len(turn["content"]) for turn in turns):
        _refuse(tokenizer, f"renders a short conversation as {len(rendered):,} characters")
    return rendered


def refuse_powers(tokenizer: Any, template: str) -> None:
    """Reject a template that uses powers. A huge power is a single step of Python, which no time limit can interrupt.

    Raises:
        UserError: if the template uses the operator `**`.
    """
    try:
        signs = [sign for _, kind, sign in Environment().lex(template) if kind != "whitespace"]
    except TemplateSyntaxError:  # reported when the template is rendered
        return
    if any(sign == "**" and before not in ("(", ",") for before, sign in pairwise(signs)):
        _refuse(tokenizer, "uses powers (**)")


def name_of(tokenizer: Any) -> str:
    """The name of a tokenizer, for messages."""
    return repr(tokenizer.name_or_path) if tokenizer.name_or_path else "this tokenizer"


def _refuse(tokenizer: Any, what: str) -> NoReturn:
    raise UserError(f"the chat template of {name_of(tokenizer)} {what}", OTHER_TEMPLATE) from None
