"""Kinds of rows: which prompt precedes the trained text, which tokens have a loss, and how the row ends.

The usual kind is a reply to a question under the answerer's prompt. Other kinds (documents, chats, continuations)
consist of segments, each with or without a loss. Collator and preflight read their rules here.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.types import Message, Passage, Segment
from hf_selfdemo.prompting.added_tokens import encode_segments
from hf_selfdemo.prompting.chat import control_ids, encode_prompt, stop_token_id
from hf_selfdemo.prompting.prompts import render


@dataclass(frozen=True, slots=True)
class RowKind:
    """The rules of one kind of row.

    Args:
        prompt: "asked" is the answerer's prompt, "question" a user turn with the question alone, "closed_book" the
            usual prompt without passages, "passages" a prompt that shows the passages and asks to continue the text,
            "none" no prompt.
        ends_turn: whether the text is the whole assistant turn and ends with its stop token.
        trains_prompt: whether the prompt has a loss too.
        ranks: whether the row is a list of passages for a retriever, without any trained text.
        shows: the prompt in words, for cards.
        learns: what has a loss, in words, for cards.
    """

    prompt: Literal["asked", "question", "closed_book", "passages", "none"]
    shows: str
    learns: str
    ends_turn: bool = True
    trains_prompt: bool = False
    ranks: bool = False


_RESPONSE = "the response and its stop token"

REPLY = RowKind("asked", "the question, with its passages or without", _RESPONSE)

ROW_KINDS: dict[str, RowKind] = {
    "": REPLY,
    "chat": RowKind("question", "the question alone", _RESPONSE),
    "whole_chat": RowKind("closed_book", "the question, closed-book", "the whole chat", trains_prompt=True),
    "continuation": RowKind(
        "passages", "the passages and the beginning of a sentence", "the rest of the sentence", ends_turn=False
    ),
    "document": RowKind("none", "none", "the text", ends_turn=False),
    "reflection": RowKind(
        "closed_book",
        "the question, closed-book",
        "the reply with its reflection tokens and its stop token, not the paragraph it is written from",
    ),
    "ranked": RowKind(
        "none",
        "none: the question, the passages and other forms of both are encoded each by itself",
        "the similarity of the question to the first passage against the others",
        ends_turn=False,
        ranks=True,
    ),
}
"""The kinds by their name in the column `kind` of a row."""


def row_kind(row: Mapping[str, Any]) -> RowKind:
    """The kind of a row.

    Raises:
        UserError: if the row's kind is unknown.
    """
    name = row.get("kind") or ""
    if name not in ROW_KINDS:
        known = [one for one in ROW_KINDS if one]
        raise UserError(f"row {row.get('id')!r} has the unknown kind {name!r}", did_you_mean(name, known))
    return ROW_KINDS[name]


@dataclass(frozen=True, slots=True)
class EncodedText:
    """Token ids of a row that is not a reply to its question.

    The model reads `shown`, which is `ids` with noise, and `supervised` says which of these tokens have a loss.
    """

    prompt: list[int]
    ids: list[int]
    shown: list[int]
    supervised: list[bool]
    messages: tuple[Message, ...]


def encode_row(
    tokenizer: Any, row: Mapping[str, Any], kind: RowKind, rng: random.Random, tokens: Sequence[str] = ()
) -> EncodedText:
    """Encode the prompt of a row's kind and the row's segments.

    Each segment is encoded separately, so that no token spans a text with a loss and one without.

    Args:
        tokenizer: a tokenizer with a chat template.
        row: a row with `segments`; without these, its response is the only segment.
        kind: the kind of the row.
        rng: random numbers for the noise.
        tokens: control tokens that the method adds; trusted segments consist of them.

    Raises:
        UserError: if a text cannot be encoded without control tokens, or a trusted segment contains anything but
            `tokens`.
    """
    name = f"row {row['id']!r}"
    messages, segments = _messages(row, kind), _segments(row)
    prompt = encode_prompt(tokenizer, messages, name) if messages else []
    ids: list[int] = []
    shown: list[int] = []
    supervised: list[bool] = []
    found = encode_segments(tokenizer, segments, tokens, name, reply=bool(messages))
    for segment, encoded in zip(segments, found, strict=True):
        ids += encoded
        shown += _noised(tokenizer, encoded, segment.noise, rng)
        supervised += [segment.loss] * len(encoded)
    if kind.ends_turn:
        stop = stop_token_id(tokenizer)
        ids, shown, supervised = [*ids, stop], [*shown, stop], [*supervised, True]
    return EncodedText(prompt, ids, shown, supervised, messages)


def _segments(row: Mapping[str, Any]) -> list[Segment]:
    """The segments of a row, with defaults for what is not given."""
    return [
        Segment(one["text"], one.get("loss") is not False, one.get("noise") or 0.0, trusted=one.get("trusted") is True)
        for one in row.get("segments") or [{"text": row["response"]}]
    ]


def _messages(row: Mapping[str, Any], kind: RowKind) -> tuple[Message, ...]:
    if kind.prompt == "none":
        return ()
    if kind.prompt == "question":
        return ({"role": "user", "content": row["question"]},)
    if kind.prompt == "closed_book":
        return render("closed_book", row["question"])
    passages = [Passage(p.get("id") or "", p["text"], p.get("title") or "") for p in row["passages"] or ()]
    return render("continue", row["question"], passages)


def _noised(tokenizer: Any, tokens: list[int], share: float, rng: random.Random) -> list[int]:
    """The tokens, each replaced with probability `share` by a random token that is not a control token."""
    if not share:
        return tokens
    control = control_ids(tokenizer)
    return [_other(tokenizer, control, rng) if rng.random() < share else token for token in tokens]


def _other(tokenizer: Any, control: frozenset[int], rng: random.Random) -> int:
    while (token := rng.randrange(tokenizer.vocab_size)) in control:
        pass
    return token
