"""Token ids from the end of a reply that a model wrote to the beginning of its next reply.

The reply is not encoded again: its text may not give the same ids, and the loss is computed on ids.
"""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateError

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.prompting.chat import disarm, stop_token_id
from hf_selfdemo.prompting.chat_format import REPLY, USER, chat_format, text_ids
from hf_selfdemo.prompting.rendering import OTHER_TEMPLATE, name_of, render_turns


def encode_next_turn(tokenizer: Any, text: str, stopped: bool = True, name: str = "a turn") -> list[int]:
    """Token ids to append to a written reply: the rest of its turn, a user turn, and the beginning of the next reply.

    After the ids of prompt and reply, they equal the chat template's rendering of the whole conversation, unless the
    template changes replies.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: the text of the user turn, which is untrusted.
        stopped: whether the reply ends with its stop token. A truncated reply does not, so the stop token is added.
        name: the name of the turn, for messages.

    Raises:
        UserError: if the template cannot render such a conversation, or writes other control tokens for this text than
            for others.
    """
    form = chat_format(tokenizer)
    ids = _behind_reply(tokenizer, disarm(tokenizer, text, name))
    plain = _behind_reply(tokenizer, USER)
    if [i for i in ids if i in form.control_ids] != [i for i in plain if i in form.control_ids]:
        raise UserError(
            f"the chat template of {name_of(tokenizer)} writes other control tokens for {name} than for other texts",
            OTHER_TEMPLATE,
        )
    return ids if stopped else [stop_token_id(tokenizer), *ids]


def _behind_reply(tokenizer: Any, text: str) -> list[int]:
    """What the template writes after a reply and its stop token, up to the beginning of the next reply."""
    turns = [
        {"role": "user", "content": USER},
        {"role": "assistant", "content": REPLY},
        {"role": "user", "content": text},
    ]
    try:
        shown = render_turns(tokenizer, chat_format(tokenizer).template, turns, add_generation_prompt=True)
    except (TemplateError, TypeError) as error:
        raise UserError(f"the chat template cannot render a second question ({error})", OTHER_TEMPLATE) from None
    _, found, behind = shown.partition(REPLY)
    if not found:
        raise UserError("the chat template does not render a reply before a second question", OTHER_TEMPLATE)
    ids = text_ids(tokenizer, behind.lstrip())
    if ids[:1] == [stop_token_id(tokenizer)]:
        return ids[1:]
    return text_ids(tokenizer, behind)
