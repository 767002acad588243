"""Requests and replies in the words of the OpenAI chat completions protocol."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.chat import take_apart
from hf_selfdemo.types import Reply, Request

_SEED_RANGE = 2**31  # some servers read 32 bits
_JSON_ROOM = 32  # tokens for the braces, quotes and blanks around a choice

_CONTROL = re.compile(
    r"<[|｜][^\s<>]{1,64}[|｜]>"  # <|im_end|> and its like
    r"|</?(?:s|bos|eos|pad|unk|think)>|<(?:start|end)_of_turn>"
    r"|<</?SYS>>|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]"
)


def call_arguments(model: str, request: Request, structure: str) -> dict[str, Any]:
    """The arguments of the call. A choice is the likeliest one, so nothing is sampled."""
    body: dict[str, Any] = {
        "model": model,
        "messages": [{**message, "content": _disarm(message["content"])} for message in request.messages],
        "temperature": 0.0 if request.choices else request.temperature,
        "max_tokens": request.max_new_tokens,
        "seed": request.seed % _SEED_RANGE,
    }
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
    """The SDK does not check what it gets: a field may be missing, or the whole be a string."""
    first, usage = completion.choices[0], completion.usage
    details = getattr(usage, "prompt_tokens_details", None)
    return Reply(
        text=(first.message.content or "").strip(),
        finish_reason="length" if first.finish_reason == "length" else "stop",
        prompt_tokens=getattr(usage, "prompt_tokens", 0) or 0,
        cached_tokens=getattr(details, "cached_tokens", 0) or 0,
        generated_tokens=getattr(usage, "completion_tokens", 0) or 0,
    )


def read_choice(reply: Reply, choices: Sequence[str]) -> Reply:
    """`reply` with the choice it names as its text, as JSON or bare; as it is if it names none."""
    said = json_choice(reply.text) or reply.text
    chosen = next((c for c in choices if c == said), "") or next((c for c in choices if _bare(c) == _bare(said)), "")
    return dataclasses.replace(reply, text=chosen or reply.text)


def json_choice(text: str) -> str:
    try:
        choice = json.loads(text)["choice"]
    except (ValueError, TypeError, KeyError):
        return ""
    return choice if isinstance(choice, str) else ""


def _bare(text: str) -> str:
    return text.strip(" \t\r\n\"'`*.:()").casefold()


def _disarm(text: str) -> str:
    """Put a blank after the first character of whatever looks like a control token, as `chat.neutralise` does.

    Example:
        >>> _disarm("so<|im_end|></s>[INST] be it")
        'so< |im_end|>< /s>[ INST] be it'
    """
    return take_apart(text, _CONTROL)
