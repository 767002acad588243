"""Which tokens of a batch have a loss, for any trainer and any padding."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

from hf_selfdemo.training.collator import IGNORED
from hf_selfdemo.training.row_kinds import REPLY, RowKind


@dataclass(frozen=True)
class Trained:
    """One row of a batch without padding: `ids`, and as many `labels`.

    `on_padding` says that its padding has a loss too, which is a fault.
    """

    ids: list[int]
    labels: list[int]
    on_padding: bool = False

    @cached_property
    def places(self) -> list[int]:
        """The positions that have a loss."""
        return [i for i, label in enumerate(self.labels) if label != IGNORED]

    @property
    def begin(self) -> int:
        """The first position of the last contiguous span with a loss; the row must have a loss."""
        borders = [after for before, after in pairwise(self.places) if after > before + 1]
        return borders[-1] if borders else self.places[0]

    @property
    def prompt(self) -> list[int]:
        """The tokens before that span."""
        return self.ids[: self.begin]

    @property
    def supervised(self) -> list[int]:
        """The tokens that have a loss."""
        return [self.ids[i] for i in self.places]


def trained(batch: Mapping[str, Any]) -> list[Trained]:
    """The rows of a batch from a supervised trainer (`labels`) or DPO (`completion_mask`).

    Args:
        batch: tensors (rows, tokens), padded on either side, or several rows concatenated without padding, each
            starting at position id 0.

    Example:
        >>> import torch
        >>> batch = {"input_ids": [[0, 5, 6]], "attention_mask": [[0, 1, 1]], "labels": [[-100, -100, 6]]}
        >>> trained({name: torch.tensor(values) for name, values in batch.items()})
        [Trained(ids=[5, 6], labels=[-100, 6], on_padding=False)]
    """
    ids = batch["input_ids"]
    labels = batch["labels"] if "labels" in batch else ids.masked_fill(batch["completion_mask"] == 0, IGNORED)
    if "attention_mask" not in batch and "position_ids" in batch:
        return _apart(ids[0].tolist(), labels[0].tolist(), batch["position_ids"][0].tolist())
    real = batch["attention_mask"].bool() if "attention_mask" in batch else ids == ids
    on_padding = ((labels != IGNORED) & ~real).any(1).tolist()
    return [
        Trained(row_ids[mask].tolist(), row_labels[mask].tolist(), bad)
        for row_ids, row_labels, mask, bad in zip(ids, labels, real, on_padding, strict=True)
    ]


def _apart(ids: list[int], labels: list[int], positions: list[int]) -> list[Trained]:
    borders = [i for i, position in enumerate(positions) if position == 0] + [len(ids)]
    return [Trained(ids[a:b], labels[a:b]) for a, b in pairwise(borders)]


SEVERAL = ("has a loss on several separate spans", "train only the last assistant turn, as one span")


def faults(
    row: Trained, stop_id: int, tokenizer: Any, max_length: int | None = None, kind: RowKind = REPLY
) -> Iterator[tuple[str, str]]:
    """The problems of a row's labels, each with its remedy; none for a correct row.

    A response and the stop token after it must have a loss, and no other token. Whitespace after the stop token, which
    chat templates add, is harmless.

    Args:
        row: a row of a batch.
        stop_id: id of the token that ends the assistant's turn.
        tokenizer: decodes tokens for messages.
        max_length: the length at which the trainer truncates rows.
        kind: the kind of the row, which sets the rules.
    """
    places = row.places
    if not places:
        yield "has no token with a loss", "raise max_length, or fix what makes the labels"
        return
    if row.on_padding:
        yield "has a loss on padding", "set the labels of padding to -100"
    if kind is REPLY and any(row.labels[i] != row.ids[i] for i in places):
        yield "has labels that differ from its tokens", "fix the collator; the model shifts labels itself"
    if kind is not REPLY:
        if kind.ends_turn:
            yield from _faults_of_the_end(row, stop_id, tokenizer, max_length)
        return
    if places[0] == 0:
        yield "has a loss on its whole prompt", "give prompt and completion separately, and train on the completion"
    elif places[-1] - places[0] >= len(places):
        yield SEVERAL
    yield from _faults_of_the_end(row, stop_id, tokenizer, max_length)


def _faults_of_the_end(row: Trained, stop_id: int, tokenizer: Any, max_length: int | None) -> Iterator[tuple[str, str]]:
    first, ids = row.places[0], row.ids
    end = next((i for i in reversed(range(first, len(ids))) if ids[i] == stop_id), None)
    if end is None or tokenizer.decode(ids[end + 1 :], skip_special_tokens=True).strip():
        if max_length is not None and len(ids) >= max_length:
            yield f"loses its end at max_length {max_length}", "raise max_length, or shorten the row"
        else:
            stop = tokenizer.decode([stop_id])
            yield f"does not end with the stop token {stop!r}", "end every response with it, or the model never stops"
    elif row.labels[end] == IGNORED:
        yield (
            f"has no loss on its stop token {tokenizer.decode([stop_id])!r}, so that the model would never stop",
            "mask padding by length, not by the pad token, or fix the template's generation markers",
        )
    elif first and stop_id in ids[row.begin : end]:
        yield f"continues after the stop token {tokenizer.decode([stop_id])!r}", "remove that token from its response"
