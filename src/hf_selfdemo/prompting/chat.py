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

import datetime
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from jinja2 import TemplateError

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Message

_TODAY = datetime.date(2024, 7, 26)
"""The date in every prompt whose template writes one: what Llama's templates say when they are given none."""

_CLOCK = re.compile(r"""strftime_now\(\s*(["'])(.*?)\1\s*\)""")
_MARKER = re.compile(r"<<?/?[^\s<>]{1,64}>>?|\[/?[A-Z][A-Z_]*\]")  # </s>, <|user|>, <<SYS>>, [/INST]
_SYSTEM, _USER, _REPLY = "sysqz", "usrqz", "repqz"  # contents to look for in what a template renders
_OTHER_TEMPLATE = "set tokenizer.chat_template to one whose turns hold plain text"
_SHOWN = 8  # tokens of a difference that its description quotes


@dataclass(frozen=True, slots=True)
class _ChatFormat:
    """What a chat template does around contents.

    `anchor` is the end of a prompt from its last added token on, `anchor_ids` its tokens: a reply is encoded behind it,
    since some tokenizers treat the beginning of a text differently. `before` and `after` are the blanks around a reply.
    """

    template: str
    control_tokens: tuple[str, ...]
    takes_system: bool
    anchor: str
    anchor_ids: list[int]
    before: str
    after: str
    stop_id: int | None


def control_tokens(tokenizer: Any) -> tuple[str, ...]:
    """Every text that, found in a passage, could be read as the template's own: added tokens and turn markers.

    Added tokens count whether special or not, since some tokenizers mark `<think>` or `[INST]` as ordinary ones; runs
    of blanks are left alone. Markers in angle or square brackets count even where the vocabulary does not know them.
    """
    return _format(tokenizer).control_tokens


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

    Raises:
        UserError: if the tokenizer has no chat template, or one that shows no plain text.
    """
    rendered = _render(tokenizer, _format(tokenizer).template, _safe(tokenizer, messages), add_generation_prompt=True)
    return _ids(tokenizer, rendered)


def encode_response(tokenizer: Any, text: str) -> list[int]:
    """Token ids of a reply followed by the token that ends the assistant's turn: exactly what is to be learnt.

    Encoded apart from the prompt, so that no token straddles their border: at inference the prompt's tokens are given.
    """
    form = _format(tokenizer)
    reply = form.before + neutralise(text, form.control_tokens) + form.after
    ids = _ids(tokenizer, form.anchor + reply)
    start = len(form.anchor_ids)
    if ids[:start] != form.anchor_ids:  # the reply's first characters would have joined the prompt's last token
        ids, start = _ids(tokenizer, reply), 0
    return [*ids[start:], stop_token_id(tokenizer)]


def stop_token_id(tokenizer: Any) -> int:
    """The token with which the chat template ends an assistant turn (often, but not always, `eos_token`).

    Raises:
        UserError: if the tokenizer has neither a template that ends the turn with one token nor an eos token.
    """
    stop = _format(tokenizer).stop_id
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
    template, asked = _format(tokenizer).template, [{"role": "user", "content": _USER}]
    stop_token_id(tokenizer)
    closed = _render(tokenizer, template, [*asked, {"role": "assistant", "content": _REPLY}])
    opened = _render(tokenizer, template, asked, add_generation_prompt=True)
    begun, finished = (text.rpartition(_USER)[2].strip() for text in (opened, closed.partition(_REPLY)[0]))
    if _REPLY in closed and _MARKER.findall(begun) != _MARKER.findall(finished):
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
    written = [*encode_prompt(tokenizer, [{"role": "user", "content": _USER}]), *encode_response(tokenizer, _REPLY)]
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
    form = _format(tokenizer)
    prompt = encode_prompt(tokenizer, messages)
    ours = [*prompt, *encode_response(tokenizer, response)]
    turns = _safe(tokenizer, [*messages, {"role": "assistant", "content": response}])
    try:
        theirs = _ids(tokenizer, _render(tokenizer, form.template, turns))[: len(ours)]
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


_formats: WeakKeyDictionary[Any, tuple[tuple[Any, ...], _ChatFormat]] = WeakKeyDictionary()


def _format(tokenizer: Any) -> _ChatFormat:
    """Read once per tokenizer, and anew when its template, vocabulary or named special tokens have changed."""
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
        remedy = "give the one you mean as chat_template_path, or set tokenizer.chat_template to it"
        raise UserError(f"the tokenizer has several chat templates ({names}) and none is the default", remedy) from None
    return template


def _stopped(call: re.Match[str]) -> str:
    return repr(_TODAY.strftime(call[2]))


def _read(tokenizer: Any, template: str) -> _ChatFormat:
    asked = [{"role": "user", "content": _USER}]
    try:
        opened = _render(tokenizer, template, asked, add_generation_prompt=True)
        closed = _render(tokenizer, template, [*asked, {"role": "assistant", "content": _REPLY}])
    except (TemplateError, TypeError) as error:
        raise UserError(f"the chat template cannot show a question and its reply ({error})", _OTHER_TEMPLATE) from None
    if _USER not in opened:
        raise UserError("the chat template does not show the text of a user turn", _OTHER_TEMPLATE)
    added = {text for text in _added(tokenizer).values() if len(text.strip()) > 1 and not text.isalnum()}
    markers = _MARKER.findall(closed.replace(_USER, " ").replace(_REPLY, " "))
    anchor = opened[max([opened.rfind(token) for token in added if token in opened], default=len(opened)) :]
    head, _, tail = closed.rpartition(_REPLY)
    lead = head[len(opened) :] if head.startswith(opened) else ""
    after, stop = _end_of_turn(tokenizer, tail if _REPLY in closed else "")
    return _ChatFormat(
        template=template,
        control_tokens=tuple(sorted(added.union(markers), key=lambda t: (-len(t), t))),
        takes_system=_takes_system(tokenizer, template),
        anchor=anchor,
        anchor_ids=_ids(tokenizer, anchor),
        before=lead if lead.isspace() else "",
        after=after,
        stop_id=stop,
    )


def _takes_system(tokenizer: Any, template: str) -> bool:
    """Some templates raise at a system turn, others leave it out without a word."""
    turns = [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": _USER}]
    try:
        return _SYSTEM in _render(tokenizer, template, turns, add_generation_prompt=True)
    except (TemplateError, TypeError):
        return False


def _end_of_turn(tokenizer: Any, tail: str) -> tuple[str, int | None]:
    """Blanks and stop token from what the template writes behind a reply; the eos token where that is no token."""
    ids = _ids(tokenizer, tail.lstrip())
    if ids and ids[0] in _added(tokenizer):
        return tail[: len(tail) - len(tail.lstrip())], ids[0]
    return "", tokenizer.eos_token_id


def _safe(tokenizer: Any, messages: Sequence[Message]) -> list[Message]:
    form = _format(tokenizer)
    turns = list(messages) if form.takes_system else _without_system(messages)
    return [{"role": m["role"], "content": neutralise(m["content"], form.control_tokens)} for m in turns]


def _without_system(messages: Sequence[Message]) -> list[Message]:
    """System turns at the head of the first user turn, two line ends between, as Gemma 3's own template has them."""
    system = [m["content"] for m in messages if m["role"] == "system"]
    turns = [m for m in messages if m["role"] != "system"]
    if system and turns and turns[0]["role"] == "user":
        system.append(turns.pop(0)["content"])
    return [{"role": "user", "content": "\n\n".join(system)}, *turns] if system else turns


def _render(tokenizer: Any, template: str, turns: list[Message], **options: Any) -> str:
    rendered: str = tokenizer.apply_chat_template(
        turns, chat_template=template, tokenize=False, enable_thinking=False, **options
    )
    return rendered


def _ids(tokenizer: Any, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"] if text else []
    return ids


def _added(tokenizer: Any) -> dict[int, str]:
    return {i: token.content for i, token in tokenizer.added_tokens_decoder.items()}
