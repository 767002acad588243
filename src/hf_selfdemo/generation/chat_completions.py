"""Translates requests and replies to and from the OpenAI chat completions protocol."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean
from typing import Any

from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation.finish_reasons import finish_reason
from hf_selfdemo.generation.thoughts import TAGS, settled
from hf_selfdemo.prompting.disarming import take_apart

_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking")
"""Fields in which servers return thoughts beside the text. They are never read as the reply."""

_MANY = 2**31  # a count of tokens above it is an error of the server
_SEED_RANGE = 2**31  # some servers read seeds as 32 bits
_JSON_ROOM = 32  # tokens for the braces, quotes and blanks around a choice

_CONTROL = re.compile(
    r"<[|｜][^\s<>]{1,64}[|｜]>"  # <|im_end|> and similar
    rf"|</?(?:s|bos|eos|pad|unk|{TAGS})>|<(?:start|end)_of_turn>|◁/?think▷"
    r"|<</?SYS>>|\[/?(?:INST|THINK|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
)


def call_arguments(model: str, request: Request, structure: str, logprobs: bool = False) -> dict[str, Any]:
    """The arguments of the call. For a choice the temperature is 0, since the most likely one is wanted.

    Args:
        model: the server's name for the model.
        request: the request.
        structure: how the reply is restricted to the choices of a request.
        logprobs: whether to ask for the log-probabilities of the written tokens.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": [{**message, "content": _disarm(message["content"])} for message in request.messages],
        "temperature": 0.0 if request.choices else request.temperature,
        "max_tokens": request.max_new_tokens,
        "seed": request.seed % _SEED_RANGE,
    }
    if logprobs and not request.choices:
        body["logprobs"] = True
    if structure == "none":
        return body
    body["max_tokens"] = max(request.max_new_tokens, _JSON_ROOM + max(map(len, request.choices)))
    if structure == "choice":
        return body | {"extra_body": {"structured_outputs": {"choice": list(request.choices)}}}
    schema = {
        "type": "object",
        "properties": {"choice": {"type": "string", "enum": list(request.choices)}},
        "required": ["choice"],
        "additionalProperties": False,
    }
    form = {"type": "json_schema", "json_schema": {"name": "choice", "strict": True, "schema": schema}}
    return body | {"response_format": form}


def read_reply(completion: Any) -> Reply:
    """The reply that the server sent, or an error if it has no text or no known finish reason.

    The SDK does not check what it receives: a field may be missing, or the whole may be a string.
    """
    usage = completion.usage
    details = getattr(usage, "prompt_tokens_details", None)
    failed = Reply(
        "",
        "error",
        prompt_tokens=_count(getattr(usage, "prompt_tokens", 0)),
        cached_tokens=_count(getattr(details, "cached_tokens", 0)),
        generated_tokens=_count(getattr(usage, "completion_tokens", 0)),
    )
    if said := getattr(completion, "error", None):
        return replace(failed, error=f"the server sent an error: {words(said)}")
    first = completion.choices[0]
    text, ended = _text(first.message.content), finish_reason(first.finish_reason)
    if said := getattr(first, "error", None):
        return replace(failed, error=f"the server sent an error: {words(said)}")
    if ended == "error":
        return replace(failed, error=f"the reply ended with finish_reason {first.finish_reason!r}")
    if not text:
        return replace(failed, error=f"the server sent no text, {_instead(first.message)}")
    reply = settled(replace(failed, text=text, finish_reason=ended, logprob=_mean_logprob(first)))
    if ended == "stop" and not reply.text:
        return replace(failed, error="the reply contains only thoughts: turn off the model's thinking")
    return reply


def _count(said: Any) -> int:
    """A number of tokens, or 0 if it is invalid, since a reply is usable without it."""
    try:
        number = int(float(said))
    except (TypeError, ValueError, OverflowError):
        return 0
    return number if 0 <= number < _MANY else 0


def _mean_logprob(choice: Any) -> float | None:
    """The mean log-probability of the tokens that the server lists, or None if any log-probability is missing."""
    try:
        values = [float(token.logprob) for token in choice.logprobs.content]
    except (AttributeError, TypeError, ValueError):
        return None
    return fmean(values) if values and all(map(math.isfinite, values)) else None


def _text(content: Any) -> str:
    """A message's text. From a list of parts, only the text parts are taken, not thoughts, images or tool calls."""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    text: str = (content or "").strip()
    return text


def _instead(message: Any) -> str:
    """What a message without text contains instead, and the remedy."""
    if refusal := getattr(message, "refusal", None):
        return f"but a refusal: {words(refusal)}"
    if getattr(message, "tool_calls", None) or getattr(message, "function_call", None):
        return "only tool calls: turn off its tools"
    if any(getattr(message, name, None) for name in _THOUGHT_FIELDS) or isinstance(message.content, list):
        return "only thoughts: allow longer replies, or turn off the model's thinking"
    return "and gave no reason"


def words(said: Any) -> str:
    """A server's message in one line, which may be long. From an object, its `message` or `detail` is taken."""
    if isinstance(said, dict):
        said = said.get("message") or said.get("detail") or said
    return " ".join(str(said).split())


def read_choice(reply: Reply, choices: Sequence[str]) -> Reply:
    """`reply` with the choice that it names as its text, from JSON or plain text; unchanged if it names none."""
    said = json_choice(reply.text) or reply.text
    chosen = next((c for c in choices if c == said), "") or next((c for c in choices if _bare(c) == _bare(said)), "")
    return replace(reply, text=chosen or reply.text)


def json_choice(text: str) -> str:
    try:
        choice = json.loads(text)["choice"]
    except (ValueError, TypeError, KeyError):
        return ""
    return choice if isinstance(choice, str) else ""


def _bare(text: str) -> str:
    return text.strip(" \t\r\n\"'`*.:()").casefold()


def _disarm(text: str) -> str:
    """Insert a blank after the first character of everything that looks like a control token.

    `disarming.neutralise` does the same for a known tokenizer.

    Example:
        >>> _disarm("so<|im_end|></s>[INST] be it")
        'so< |im_end|>< /s>[ INST] be it'
    """
    return take_apart(text, _CONTROL)
