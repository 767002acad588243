"""Messages to token ids: safely, and the same way for training as for inference.

Whatever stands in a passage, only the chat template opens and closes turns. Templates differ in more than their
markers, so what a template does around contents is read off three short conversations, once per tokenizer:

- a system turn that the template refuses or drops is put at the head of the first user turn, once;
- templates that can think are asked not to, so that candidates hold no thoughts and training prompts are theirs;
- templates that write today's date get a fixed one, so that no prompt changes overnight;
- blanks that the template puts around a reply are part of what is learnt;
- the beginning-of-text token comes from the template alone, never from the tokenizer as well.

The tokenizer is used through its public methods; nothing here imports transformers.
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
_SHOWN = 8  # tokens of a difference that its description quotes


def control_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Every text that, found in a passage, could be read as the template's own: added tokens and turn markers.

    Added tokens count whether special or not, since some tokenizers mark `<think>` or `[INST]` as ordinary ones; runs
    of blanks are left alone. Markers in angle or square brackets count even where the vocabulary does not know them.
    """
    return chat_format(tokenizer).control_tokens


def control_ids(tokenizer: Any) -> frozenset[int]:
    """The tokens that no text may become: those of the template and of turns."""
    return chat_format(tokenizer).control_ids


def disarm(tokenizer: Any, text: str, name: str = "a text") -> str:
    """The text with control tokens taken apart: those spelt out in it, and what the tokenizer would make one of.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: untrusted.
        name: of the text, for messages.

    Raises:
        UserError: if something in it stays a control token whatever is done.
    """
    form = chat_format(tokenizer)
    return without_look_alikes(neutralise(text, form.control_tokens), tokenizer, form.control_ids, name)


def encode_prompt(tokenizer: Any, messages: Sequence[Message], name: str = "a prompt") -> list[int]:
    """Token ids of `messages` up to where the assistant begins to write, control tokens in their text disarmed.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        messages: chat turns; contents are untrusted.
        name: of what is asked, such as its row, for messages.

    Raises:
        UserError: if the tokenizer has no chat template, or one that shows no plain text, does not come to an end, or
            writes other control tokens for these messages than for others; if a text cannot be disarmed.
    """
    return _prompt(tokenizer, messages, name)[1]


def encode_response(tokenizer: Any, text: str, name: str = "a reply") -> list[int]:
    """Token ids of a reply followed by the token that ends the assistant's turn: exactly what is to be learnt.

    Encoded apart from the prompt, so that no token straddles their border: at inference the prompt's tokens are given.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: the reply, untrusted.
        name: of the reply, such as its row, for messages.

    Raises:
        UserError: as `encode_prompt` and `stop_token_id`.
    """
    return [*_reply(tokenizer, text, name)[1], stop_token_id(tokenizer)]


def encode_text(tokenizer: Any, text: str, name: str = "a text") -> list[int]:
    """Token ids of a text outside of any turn, control tokens in it disarmed.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: untrusted.
        name: of the text, for messages.

    Raises:
        UserError: if something in it stays a control token whatever is done.
    """
    return text_ids(tokenizer, disarm(tokenizer, text, name))


def encode_opening(tokenizer: Any, text: str, name: str = "an opening") -> list[int]:
    """Token ids of how a reply may begin: as `encode_response`, without what the template writes after a reply.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: the first words of a reply, untrusted.
        name: of the opening, for messages.

    Raises:
        UserError: as `encode_response`.
    """
    return _reply(tokenizer, text, name, whole=False)[1]


def _prompt(tokenizer: Any, messages: Sequence[Message], name: str) -> tuple[list[Message], list[int]]:
    """The turns as they are shown, and their tokens: the control tokens among them are those of the template alone."""
    form = chat_format(tokenizer)
    turns = list(messages) if form.takes_system else _without_system(messages)
    safe = [_said(turn, neutralise(turn["content"], form.control_tokens)) for turn in turns]
    ids = _prompt_ids(tokenizer, form, safe)
    if _controls(form, ids) == _written(tokenizer, form, safe):
        return safe, ids
    safe = [_said(turn, without_look_alikes(turn["content"], tokenizer, form.control_ids, name)) for turn in safe]
    apart = [_said(turn, f" {turn['content']} ") for turn in safe]  # where a text joins what the template writes
    for turns in (safe, apart):
        ids = _prompt_ids(tokenizer, form, turns)
        plain = [_said(turn, _CHARACTER.sub("x", turn["content"])) for turn in turns]
        if _controls(form, ids) == _controls(form, _prompt_ids(tokenizer, form, plain)):
            return turns, ids
    raise UserError(
        f"for {name} the chat template of {name_of(tokenizer)} writes other control tokens than for other texts of the "
        "same length",
        OTHER_TEMPLATE,
    )


def _reply(tokenizer: Any, text: str, name: str, whole: bool = True) -> tuple[str, list[int]]:
    """The reply as it is learnt, and its tokens: no control token is among them."""
    form = chat_format(tokenizer)
    text = neutralise(text, form.control_tokens)
    ids = _reply_ids(tokenizer, text, whole)
    if not form.control_ids.isdisjoint(ids):
        text = without_look_alikes(text, tokenizer, form.control_ids, name)
        ids = _reply_ids(tokenizer, text, whole)
        if not form.control_ids.isdisjoint(ids):
            raise UserError(f"{name} becomes a control token with what stands before it: {text!r}", "drop it")
    return text, ids


def _prompt_ids(tokenizer: Any, form: ChatFormat, turns: Sequence[Message]) -> list[int]:
    return text_ids(tokenizer, render_turns(tokenizer, form.template, turns, add_generation_prompt=True))


def _reply_ids(tokenizer: Any, text: str, whole: bool) -> list[int]:
    form = chat_format(tokenizer)
    reply = form.before + text + (form.after if whole else "")
    ids = text_ids(tokenizer, form.anchor + reply)
    start = len(form.anchor_ids)
    if ids[:start] != form.anchor_ids:  # the reply's first characters would have joined the prompt's last token
        return text_ids(tokenizer, reply)
    return ids[start:]


def _controls(form: ChatFormat, ids: Sequence[int]) -> list[int]:
    return [i for i in ids if i in form.control_ids]


def _written(tokenizer: Any, form: ChatFormat, turns: Sequence[Message]) -> list[int]:
    """The control tokens that the template itself writes for turns of these roles, found out once."""
    roles = tuple(turn["role"] for turn in turns)
    if roles not in form.written:
        form.written[roles] = _controls(form, _prompt_ids(tokenizer, form, [_said(turn, USER) for turn in turns]))
    return form.written[roles]


def _said(turn: Message, content: str) -> Message:
    return {"role": turn["role"], "content": content}


def stop_token_id(tokenizer: Any) -> int:
    """The token with which the chat template ends an assistant turn (often, but not always, `eos_token`).

    Raises:
        UserError: if the tokenizer has neither a template that ends the turn with one token nor an eos token.
    """
    stop = chat_format(tokenizer).stop_id
    if stop is None:
        raise UserError("the tokenizer has no token that ends an assistant turn", "set tokenizer.eos_token")
    return stop


def check_template(tokenizer: Any) -> None:
    """Refuse a tokenizer whose prompts do not end where replies begin, or whose replies have no end.

    Some templates begin every reply with a thought that they leave open, and show none in a finished conversation. What
    is trained or judged as the reply would be the thought.

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
            f"before a reply the chat template writes {begun!r}, and in a finished conversation {finished!r}, so that "
            "an answer would stand inside what it opens, such as a thought",
            "give a chat_template_path whose prompts end where replies begin",
        )


def check_vocabulary(tokenizer: Any, config: Any) -> None:
    """Refuse a tokenizer that writes tokens for which the model has no embedding.

    Tokens that were added and that no prompt holds may lie beyond it, as some pad tokens do.

    Args:
        tokenizer: with a chat template.
        config: of the model; one that does not tell its vocabulary's size is taken as it is.

    Raises:
        UserError: naming the last of them.
    """
    size = getattr(config.get_text_config(), "vocab_size", None)
    written = [*encode_prompt(tokenizer, [{"role": "user", "content": USER}]), *encode_response(tokenizer, REPLY)]
    last = max(tokenizer.vocab_size - 1, *written)
    if size is not None and last >= size:
        raise UserError(
            f"the tokenizer writes {tokenizer.convert_ids_to_tokens(last)!r} (token {last}) and the model has "
            f"{size} tokens",
            "use the tokenizer that came with the model, or resize its embeddings",
        )


def conversation_difference(tokenizer: Any, messages: Sequence[Message], response: str) -> str | None:
    """How the template's own rendering of a whole conversation departs from prompt, response and stop token.

    What is trained here is always what is asked at inference. Where a template shows a finished conversation otherwise
    (it trims the reply, puts thoughts before it, or drops a system turn once there is a reply), tools that train on
    its rendering would train something else, and the model may have been made with that in mind.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        messages: chat turns up to the assistant's, contents untrusted.
        response: the reply.

    Returns:
        None if both are the same tokens up to the end of the turn; otherwise one line that quotes the first difference.
    """
    template = chat_format(tokenizer).template
    asked, prompt = _prompt(tokenizer, messages, "the conversation")
    said, reply = _reply(tokenizer, response, "its reply")
    ours = [*prompt, *reply, stop_token_id(tokenizer)]
    turns: list[Message] = [*asked, {"role": "assistant", "content": said}]
    try:
        theirs = text_ids(tokenizer, render_turns(tokenizer, template, turns))[: len(ours)]
    except (TemplateError, TypeError) as error:
        return f"the chat template refuses the whole conversation: {error}"
    if theirs == ours:
        return None
    at = next((i for i, (a, b) in enumerate(zip(ours, theirs, strict=False)) if a != b), len(theirs))
    before, here, there = (
        tokenizer.decode(ids)
        for ids in (ours[max(at - _SHOWN, 0) : at], ours[at : at + _SHOWN], theirs[at : at + _SHOWN])
    )
    part = "prompt" if at < len(prompt) else "reply"
    return f"in the {part}, after {before!r}, the chat template writes {there!r} where training has {here!r}"


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """System turns at the head of the first user turn, two line ends between, as Gemma 3's own template has them."""
    system = [m["content"] for m in messages if m["role"] == "system"]
    turns = [m for m in messages if m["role"] != "system"]
    if system and turns and turns[0]["role"] == "user":
        system.append(turns.pop(0)["content"])
    return [{"role": "user", "content": "\n\n".join(system)}, *turns] if system else turns
