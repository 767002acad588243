"""From the end of a reply that a model wrote to where it writes the next one, as token ids.

A reply is not encoded again: text does not always give back the ids that it was decoded from, and a loss is on ids.
"""

from __future__ import annotations

from typing import Any

from jinja2 import TemplateError

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.prompting.chat import disarm, stop_token_id
from hf_selfdemo.prompting.chat_format import REPLY, USER, chat_format, text_ids
from hf_selfdemo.prompting.rendering import OTHER_TEMPLATE, name_of, render_turns


def encode_next_turn(tokenizer: Any, text: str, stopped: bool = True, name: str = "a turn") -> list[int]:
    """Token ids to be put behind a written reply: the rest of its turn, a user turn, and the beginning of the next one.

    Behind the prompt's and the reply's ids they are what the chat template makes of the whole conversation, wherever it
    shows a reply as it was written.

    Args:
        tokenizer: a transformers tokenizer with a chat template.
        text: of the user turn, untrusted.
        stopped: whether the reply ends with the token that ends a turn. One that was cut off does not: the token is put
            there, as the template would.
        name: of the turn, for messages.

    Raises:
        UserError: if the template does not show such a conversation, or writes other control tokens for this text than
            for others.
    """
    form = chat_format(tokenizer)
    ids = _behind_reply(tokenizer, disarm(tokenizer, text, name))
    plain = _behind_reply(tokenizer, USER)
    if [i for i in ids if i in form.control_ids] != [i for i in plain if i in form.control_ids]:
        raise UserError(
            f"for {name} the chat template of {name_of(tokenizer)} writes other control tokens than for other texts",
            OTHER_TEMPLATE,
        )
    return ids if stopped else [stop_token_id(tokenizer), *ids]


def _behind_reply(tokenizer: Any, text: str) -> list[int]:
    """What the template writes behind a reply and its stop token, up to where the next reply begins."""
    turns = [
        {"role": "user", "content": USER},
        {"role": "assistant", "content": REPLY},
        {"role": "user", "content": text},
    ]
    try:
        shown = render_turns(tokenizer, chat_format(tokenizer).template, turns, add_generation_prompt=True)
    except (TemplateError, TypeError) as error:
        raise UserError(f"the chat template cannot show a second question ({error})", OTHER_TEMPLATE) from None
    _, found, behind = shown.partition(REPLY)
    if not found:
        raise UserError("the chat template does not show a reply that another question follows", OTHER_TEMPLATE)
    ids = text_ids(tokenizer, behind.lstrip())
    if ids[:1] == [stop_token_id(tokenizer)]:
        return ids[1:]
    return text_ids(tokenizer, behind)
