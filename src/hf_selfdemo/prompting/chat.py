"""Turns chat messages into token ids, safely and in the same way for training and inference.

Whatever a passage contains, only the chat template opens and closes turns. Templates differ in more than their markers,
so three short test conversations show what a template writes around contents, once per tokenizer:

- If the template rejects or drops a system turn, the system message is put at the beginning of the first user turn.
- Templates with a thinking mode are rendered with thinking off, for candidates and for training prompts.
- Templates that write today's date get a fixed date, so that prompts do not change from day to day.
- Blanks that the template puts around a reply are part of the training target.
- Only the template adds the beginning-of-text token, not the tokenizer too.

This module uses the public methods of the tokenizer and does not import transformers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from jinja2 import TemplateError

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Message
from hf_selfdemo.prompting.chat_format import MARKER, REPLY, USER, ChatFormat, chat_format, text_ids
from hf_selfdemo.prompting.disarming import neutralise, without_look_alikes
from hf_selfdemo.prompting.rendering import OTHER_TEMPLATE, name_of, render_turns

_CHARACTER = re.compile(r"\S")
_SHOWN = 8  # number of tokens of a difference that its description quotes


def control_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Every text that could be read as the template's own if a passage contains it: added tokens and turn markers.

    All added tokens count, special or not, since some tokenizers mark `<think>` or `[INST]` as ordinary tokens. Tokens
    of blanks do not count. Markers in angle or square brackets count even if they are not in the vocabulary.
    """
    return chat_format(tokenizer).control_tokens


def control_ids(tokenizer: Any) -> frozenset[int]:
    """The ids of tokens that no text may become: the control tokens of the template."""
    return chat_format(tokenizer).control_ids


def disarm(tokenizer: Any, text: str, name: str = "a text") -> str:
    """The text with blanks inside control tokens, and inside everything that the tokenizer would turn into one.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: an untrusted text.
        name: the name of the text, for messages.

    Raises:
        UserError: if a part of the text remains a control token in spite of blanks.
    """
    form = chat_format(tokenizer)
    return without_look_alikes(neutralise(text, form.control_tokens), tokenizer, form.control_ids, name)


def encode_prompt(tokenizer: Any, messages: Sequence[Message], name: str = "a prompt") -> list[int]:
    """Token ids of `messages` up to the beginning of the assistant's reply. Control tokens in contents are disarmed.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        messages: chat turns with untrusted contents.
        name: the name of the prompt, such as its row, for messages.

    Raises:
        UserError: if the tokenizer has no chat template, or one that does not show contents, does not terminate, or
            writes other control tokens for these messages than for others; if a text cannot be disarmed.
    """
    return _prompt(tokenizer, messages, name)[1]


def encode_response(tokenizer: Any, text: str, name: str = "a reply") -> list[int]:
    """Token ids of a reply followed by the token that ends the assistant's turn: exactly the training target.

    The reply is encoded separately from the prompt, as at inference, so that no token spans both.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: the reply, which is untrusted.
        name: the name of the reply, such as its row, for messages.

    Raises:
        UserError: as `encode_prompt` and `stop_token_id` do.
    """
    return [*_reply(tokenizer, text, name)[1], stop_token_id(tokenizer)]


def encode_text(tokenizer: Any, text: str, name: str = "a text") -> list[int]:
    """Token ids of a text outside of any turn. Control tokens in it are disarmed.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: an untrusted text.
        name: the name of the text, for messages.

    Raises:
        UserError: if a part of the text remains a control token in spite of blanks.
    """
    return text_ids(tokenizer, disarm(tokenizer, text, name))


def encode_opening(tokenizer: Any, text: str, name: str = "an opening") -> list[int]:
    """Token ids of the beginning of a reply: as `encode_response`, without what the template writes after a reply.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: the first words of a reply, which are untrusted.
        name: the name of the opening, for messages.

    Raises:
        UserError: as `encode_response` does.
    """
    return _reply(tokenizer, text, name, whole=False)[1]


def _prompt(tokenizer: Any, messages: Sequence[Message], name: str) -> tuple[list[Message], list[int]]:
    """The disarmed turns, and their token ids, in which only the template's own control tokens occur."""
    form = chat_format(tokenizer)
    turns = list(messages) if form.takes_system else _without_system(messages)
    safe = [_said(turn, neutralise(turn["content"], form.control_tokens)) for turn in turns]
    ids = _prompt_ids(tokenizer, form, safe)
    if _controls(form, ids) == _written(tokenizer, form, safe):
        return safe, ids
    safe = [_said(turn, without_look_alikes(turn["content"], tokenizer, form.control_ids, name)) for turn in safe]
    apart = [_said(turn, f" {turn['content']} ") for turn in safe]  # if a text merges with the template's
    for turns in (safe, apart):
        ids = _prompt_ids(tokenizer, form, turns)
        plain = [_said(turn, _CHARACTER.sub("x", turn["content"])) for turn in turns]
        if _controls(form, ids) == _controls(form, _prompt_ids(tokenizer, form, plain)):
            return turns, ids
    raise UserError(
        f"the chat template of {name_of(tokenizer)} writes other control tokens for {name} than for other texts of the "
        "same length",
        OTHER_TEMPLATE,
    )


def _reply(tokenizer: Any, text: str, name: str, whole: bool = True) -> tuple[str, list[int]]:
    """The disarmed reply, and its token ids, in which no control token occurs."""
    form = chat_format(tokenizer)
    text = neutralise(text, form.control_tokens)
    ids = _reply_ids(tokenizer, text, whole)
    if not form.control_ids.isdisjoint(ids):
        text = without_look_alikes(text, tokenizer, form.control_ids, name)
        ids = _reply_ids(tokenizer, text, whole)
        if not form.control_ids.isdisjoint(ids):
            what = f"{name} becomes a control token together with the text before it: {text!r}"
            raise UserError(what, "drop the text")
    return text, ids


def _prompt_ids(tokenizer: Any, form: ChatFormat, turns: Sequence[Message]) -> list[int]:
    return text_ids(tokenizer, render_turns(tokenizer, form.template, turns, add_generation_prompt=True))


def _reply_ids(tokenizer: Any, text: str, whole: bool) -> list[int]:
    form = chat_format(tokenizer)
    reply = form.before + text + (form.after if whole else "")
    ids = text_ids(tokenizer, form.anchor + reply)
    start = len(form.anchor_ids)
    if ids[:start] != form.anchor_ids:  # the reply's first characters merged with the prompt's last token
        return text_ids(tokenizer, reply)
    return ids[start:]


def _controls(form: ChatFormat, ids: Sequence[int]) -> list[int]:
    return [i for i in ids if i in form.control_ids]


def _written(tokenizer: Any, form: ChatFormat, turns: Sequence[Message]) -> list[int]:
    """The control tokens that the template itself writes for turns of these roles, computed once."""
    roles = tuple(turn["role"] for turn in turns)
    if roles not in form.written:
        form.written[roles] = _controls(form, _prompt_ids(tokenizer, form, [_said(turn, USER) for turn in turns]))
    return form.written[roles]


def _said(turn: Message, content: str) -> Message:
    return {"role": turn["role"], "content": content}


def stop_token_id(tokenizer: Any) -> int:
    """The token with which the chat template ends an assistant turn (often, but not always, `eos_token`).

    Raises:
        UserError: if the template does not end the turn with a single token and the tokenizer has no `eos_token`.
    """
    stop = chat_format(tokenizer).stop_id
    if stop is None:
        raise UserError("the tokenizer has no token that ends an assistant turn", "set tokenizer.eos_token")
    return stop


def check_template(tokenizer: Any) -> None:
    """Reject a tokenizer whose prompts do not end where replies begin, or whose replies have no stop token.

    Some templates begin every reply with an open thought, but show no thought in a finished conversation. Then the
    thought would be trained or judged as the reply.

    Args:
        tokenizer: a transformers tokenizer.

    Raises:
        UserError: naming what the template writes before a reply, or what the tokenizer lacks.
    """
    template, asked = chat_format(tokenizer).template, [{"role": "user", "content": USER}]
    stop_token_id(tokenizer)
    closed = render_turns(tokenizer, template, [*asked, {"role": "assistant", "content": REPLY}])
    opened = render_turns(tokenizer, template, asked, add_generation_prompt=True)
    begun, finished = (text.rpartition(USER)[2].strip() for text in (opened, closed.partition(REPLY)[0]))
    if REPLY in closed and MARKER.findall(begun) != MARKER.findall(finished):
        raise UserError(
            f"before a reply the chat template writes {begun!r}, but in a finished conversation {finished!r}, so that "
            "an answer would be inside what it opens, such as a thought",
            "set chat_template_path to a template whose prompts end where replies begin",
        )


def check_vocabulary(tokenizer: Any, config: Any) -> None:
    """Reject a tokenizer with tokens for which the model has no embedding.

    Added tokens that no prompt contains, such as some pad tokens, need no embedding.

    Args:
        tokenizer: a tokenizer with a chat template.
        config: the model's config. Without a vocabulary size in it, nothing is checked.

    Raises:
        UserError: naming the last such token.
    """
    size = getattr(config.get_text_config(), "vocab_size", None)
    written = [*encode_prompt(tokenizer, [{"role": "user", "content": USER}]), *encode_response(tokenizer, REPLY)]
    last = max(tokenizer.vocab_size - 1, *written)
    if size is not None and last >= size:
        raise UserError(
            f"the tokenizer uses {tokenizer.convert_ids_to_tokens(last)!r} (token {last}), but the model has only "
            f"{size} tokens",
            "use the tokenizer that came with the model, or resize its embeddings",
        )


def conversation_difference(tokenizer: Any, messages: Sequence[Message], response: str) -> str | None:
    """How the template's rendering of a whole conversation differs from prompt, response and stop token.

    This package always trains on the prompt that is used at inference. A template may render a finished conversation
    differently: it trims the reply, puts thoughts before it, or drops a system turn. Then tools that train on its
    rendering train on another text, and so may the model's makers have done.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        messages: chat turns up to the assistant's, with untrusted contents.
        response: the reply.

    Returns:
        None if both are the same tokens up to the end of the turn, otherwise one line that quotes the first difference.
    """
    template = chat_format(tokenizer).template
    asked, prompt = _prompt(tokenizer, messages, "the conversation")
    said, reply = _reply(tokenizer, response, "its reply")
    ours = [*prompt, *reply, stop_token_id(tokenizer)]
    turns: list[Message] = [*asked, {"role": "assistant", "content": said}]
    try:
        theirs = text_ids(tokenizer, render_turns(tokenizer, template, turns))[: len(ours)]
    except (TemplateError, TypeError) as error:
        return f"the chat template rejects the whole conversation: {error}"
    if theirs == ours:
        return None
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), len(theirs))
    before, here, there = (
        tokenizer.decode(ids)
        for ids in (ours[max(at - _SHOWN, 0) : at], ours[at : at + _SHOWN], theirs[at : at + _SHOWN])
    )
    part = "prompt" if at < len(prompt) else "reply"
    return f"in the {part}, after {before!r}, the chat template writes {there!r}, but training has {here!r}"


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """System messages at the beginning of the first user turn, separated by an empty line, as in Gemma 3's template."""
    system = [m["content"] for m in messages if m["role"] == "system"]
    turns = [m for m in messages if m["role"] != "system"]
    if system and turns and turns[0]["role"] == "user":
        system.append(turns.pop(0)["content"])
    return [{"role": "user", "content": "\n\n".join(system)}, *turns] if system else turns
