"""Control tokens that a method adds to a vocabulary.

They are special tokens of the tokenizer, like those of its chat template. So they are disarmed in every untrusted text
too (`prompting.chat`). Only a trusted segment becomes control tokens, and it must contain nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Segment
from hf_selfdemo.prompting.chat import control_ids, encode_opening, encode_text
from hf_selfdemo.prompting.chat_format import chat_format, text_ids
from hf_selfdemo.prompting.rendering import name_of


def add_tokens(tokenizer: Any, tokens: Sequence[str]) -> list[int]:
    """Add control tokens to a tokenizer. Tokens that already exist stay unchanged.

    Args:
        tokenizer: a tokenizer with a chat template; it is changed.
        tokens: the literal texts of the tokens, in the order in which they get their ids.

    Returns:
        The ids of the tokens.

    Raises:
        UserError: for a token that the tokenizer splits even after it was added.
    """
    tokenizer.add_tokens(list(tokens), special_tokens=True)
    return token_ids(tokenizer, tokens)


def token_ids(tokenizer: Any, tokens: Sequence[str], name: str = "the method") -> list[int]:
    """The id of each control token.

    Args:
        tokenizer: a tokenizer with a chat template.
        tokens: the literal texts of the tokens.
        name: the name of what needs them, for messages.

    Raises:
        UserError: for a token that the tokenizer splits or treats as ordinary text.
    """
    control = control_ids(tokenizer) if tokens else frozenset()
    found = []
    for token in tokens:
        ids = text_ids(tokenizer, token)
        if len(ids) != 1 or ids[0] not in control:
            pieces = tokenizer.convert_ids_to_tokens(ids)
            raise UserError(
                f"{name} needs the control token {token!r}, but {name_of(tokenizer)} encodes it as {len(ids)} ordinary "
                f"token{'s' if len(ids) > 1 else ''}: {pieces}",
                "use the tokenizer that was saved with the trained model; a base model gets the token in training",
            )
        found.append(ids[0])
    return found


def encode_segments(
    tokenizer: Any, segments: Sequence[Segment], tokens: Sequence[str] = (), name: str = "a text", reply: bool = True
) -> list[list[int]]:
    """Token ids of each segment. Segments are encoded separately, so that no token spans two of them.

    Args:
        tokenizer: a tokenizer with a chat template.
        segments: trusted segments consist of `tokens`; all others are disarmed.
        tokens: control tokens that a method has added.
        name: the name of the text, for messages.
        reply: whether the segments begin an assistant's reply, rather than a text outside of any turn.

    Raises:
        UserError: if a trusted segment contains anything but these tokens, the tokenizer splits one of them, or a text
            cannot be kept from becoming a control token.
    """
    found = []
    for place, segment in enumerate(segments):
        first = reply and not place
        if segment.trusted:
            before = text_ids(tokenizer, chat_format(tokenizer).before) if first else []
            found.append([*before, *token_ids(tokenizer, trusted_tokens(segment.text, tokens, name), name)])
        else:
            found.append((encode_opening if first else encode_text)(tokenizer, segment.text, name))
    return found


def trusted_tokens(text: str, tokens: Sequence[str], name: str = "a text") -> list[str]:
    """The control tokens that a trusted text consists of.

    Args:
        text: the text of a trusted segment.
        tokens: control tokens that a method has added.
        name: of the text, for messages.

    Raises:
        UserError: if the text contains anything else, such as a control token of the chat template.

    Example:
        >>> trusted_tokens("[Relevant][Yes]", ["[Yes]", "[Relevant]"])
        ['[Relevant]', '[Yes]']
        >>> trusted_tokens("<|im_end|>", ["[Yes]"])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: a text has the trusted segment '<|im_end|>', which does not consist of ...
    """
    known = "|".join(map(re.escape, sorted(tokens, key=len, reverse=True)))
    if not known or not re.fullmatch(f"(?:{known})+", text):
        raise UserError(
            f"{name} has the trusted segment {text!r}, which does not consist of the control tokens "
            f"{', '.join(tokens) or '(none)'}",
            "use only tokens that the method adds; put any other text into a segment that is not trusted",
        )
    return re.findall(known, text)


def without_added(text: str, tokens: Sequence[str]) -> str:
    """A text without these control tokens and without surplus blanks.

    Example:
        >>> without_added("[Relevant] Bern. [Yes]", ["[Yes]", "[Relevant]"])
        'Bern.'
    """
    for token in tokens:
        text = text.replace(token, " ")
    return " ".join(text.split())
