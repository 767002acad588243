"""Finds out what a chat template writes around contents, from three test conversations, once per tokenizer."""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from jinja2 import TemplateError

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.prompting.rendering import OTHER_TEMPLATE, refuse_powers, render_turns

_TODAY = datetime.date(2024, 7, 26)
"""The date in every prompt whose template writes one. It is the default date of Llama's templates."""

_CLOCK = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
MARKER = re.compile(r"<<?/?[^\s<>]{1,64}>>?|\[/?[A-Z][A-Z_]*\]")  # </s>, <|user|>, <<SYS>>, [/INST]
SYSTEM, USER, REPLY = "sysqz", "usrqz", "repqz"  # contents that are easy to find in a rendered text


@dataclass(frozen=True, slots=True)
class ChatFormat:
    """What a chat template writes around contents.

    `anchor` is the end of a prompt from its last added token on, and `anchor_ids` are its token ids. A reply is encoded
    after the anchor, since some tokenizers treat the beginning of a text differently. `before` and `after` are the
    blanks around a reply. `control_ids` are the tokens that no text may become. `written` has those that the template
    itself writes, by the roles of the turns.
    """

    template: str
    control_tokens: tuple[str, ...]
    control_ids: frozenset[int]
    takes_system: bool
    anchor: str
    anchor_ids: list[int]
    before: str
    after: str
    stop_id: int | None
    written: dict[tuple[str, ...], list[int]] = field(default_factory=dict)


_formats: WeakKeyDictionary[Any, tuple[tuple[Any, ...], ChatFormat]] = WeakKeyDictionary()


def chat_format(tokenizer: Any) -> ChatFormat:
    """The `ChatFormat` of a tokenizer.

    It is computed once per tokenizer, and again if the template, the vocabulary or the special tokens change.
    """
    state = (_template(tokenizer), len(tokenizer), tokenizer.special_tokens_map)
    held = _formats.get(tokenizer)
    if held is None or held[0] != state:
        held = _formats[tokenizer] = (state, _read(tokenizer, _CLOCK.sub(_stopped, state[0])))
    return held[1]


def _template(tokenizer: Any) -> str:
    if not tokenizer.chat_template:
        raise UserError("the tokenizer has no chat template", "use the model's instruct version")
    try:
        template: str = tokenizer.get_chat_template()
    except ValueError:
        names = ", ".join(sorted(tokenizer.chat_template))
        remedy = "set chat_template_path or tokenizer.chat_template to one of them"
        raise UserError(f"the tokenizer has several chat templates ({names}) but no default", remedy) from None
    return template


def _stopped(call: re.Match[str]) -> str:
    return repr(_TODAY.strftime(call[2]))


def _read(tokenizer: Any, template: str) -> ChatFormat:
    refuse_powers(tokenizer, template)
    asked = [{"role": "user", "content": USER}]
    try:
        opened = render_turns(tokenizer, template, asked, add_generation_prompt=True)
        closed = render_turns(tokenizer, template, [*asked, {"role": "assistant", "content": REPLY}])
    except (TemplateError, TypeError) as error:
        raise UserError(f"the chat template cannot render a question and its reply ({error})", OTHER_TEMPLATE) from None
    if USER not in opened:
        raise UserError("the chat template does not render the text of a user turn", OTHER_TEMPLATE)
    added = {text for text in _added(tokenizer).values() if len(text.strip()) > 1 and not text.isalnum()}
    markers = MARKER.findall(closed.replace(USER, " ").replace(REPLY, " "))
    anchor = opened[max([opened.rfind(token) for token in added if token in opened], default=len(opened)) :]
    head, _, tail = closed.rpartition(REPLY)
    lead = head[len(opened) :] if head.startswith(opened) else ""
    after, stop = _end_of_turn(tokenizer, tail if REPLY in closed else "")
    return ChatFormat(
        template=template,
        control_tokens=tuple(sorted(added.union(markers), key=lambda t: (-len(t), t))),
        control_ids=_control_token_ids(tokenizer),
        takes_system=_takes_system(tokenizer, template),
        anchor=anchor,
        anchor_ids=text_ids(tokenizer, anchor),
        before=lead if lead.isspace() else "",
        after=after,
        stop_id=stop,
    )


def _control_token_ids(tokenizer: Any) -> frozenset[int]:
    """The ids of special tokens, and of added tokens that are not just a word. Tokens of one character do not count.

    The unknown token does not count, since any text may contain it.
    """
    added = tokenizer.added_tokens_decoder.items()
    told = (
        i for i, token in added if len(token.content.strip()) > 1 and (token.special or not token.content.isalnum())
    )
    return frozenset(told) - {tokenizer.unk_token_id}


def _takes_system(tokenizer: Any, template: str) -> bool:
    """Whether the template renders a system turn. Some raise an error, and others silently drop it."""
    turns = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": USER}]
    try:
        return SYSTEM in render_turns(tokenizer, template, turns, add_generation_prompt=True)
    except (TemplateError, TypeError):
        return False


def _end_of_turn(tokenizer: Any, tail: str) -> tuple[str, int | None]:
    """The blanks and the stop token that the template writes after a reply, or the eos token if it writes no token."""
    ids = text_ids(tokenizer, tail.lstrip())
    if ids and ids[0] in _added(tokenizer):
        return tail[: len(tail) - len(tail.lstrip())], ids[0]
    return "", tokenizer.eos_token_id


def text_ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
    return ids


def _added(tokenizer: Any) -> dict[int, str]:
    return {i: token.content for i, token in tokenizer.added_tokens_decoder.items()}
