"""Structured demonstration rows to padded tensors, rendered when the batch is made.

Because a passage is still a passage here, things can be done that flat text does not allow: passages can be shown in
another order every epoch, and a prompt that is too long loses passages from its tail, never the question or the answer.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from hf_selfdemo.chat import encode_prompt, encode_response
from hf_selfdemo.padding import left_pad, positions
from hf_selfdemo.prompts import render
from hf_selfdemo.seeding import stable_seed
from hf_selfdemo.types import Passage

IGNORED = -100


class EncodedRow(NamedTuple):
    """Token ids of a row: `response` ends with the stop token; `dropped` passages were cut to fit the budget."""

    prompt: list[int]
    response: list[int]
    dropped: int


@dataclass
class SelfDemoDataCollator:
    """Renders demonstrations into `input_ids`, `attention_mask`, `position_ids` and `labels`, each
    (batch, tokens), int64.

    Rows are padded on the left, so that all responses end in the last column and the trainer needs logits for the few
    columns before it alone. `abstention`, (batch,) bool, says which rows decline.

    The prompt is `templates/rag.txt` with the row's passages, or `templates/closed_book.txt` for rows whose `mode` is
    "closed_book"; only the response and the token that ends the turn carry a loss. Prompt and response are encoded
    apart, so no token straddles their border. Gold answers in the row are never read.

    Args:
        tokenizer: with a chat template.
        max_length: longest row in tokens; passages are dropped from the tail until it fits. None: no limit.
        shuffle_passages: show the passages in another order every epoch, so that position is no clue.
        seed: of the order; the same (seed, epoch, row id) always gives the same row, whatever the batch or worker.
        epoch: set by the trainer as training goes on.

    Raises:
        ValueError: if a row does not fit even without a passage, or its response is empty; it names the row.
    """

    tokenizer: Any
    max_length: int | None = 2048
    shuffle_passages: bool = False
    seed: int = 0
    epoch: int = 0

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, torch.Tensor]:
        encoded = [self.encode(row) for row in rows]
        pad = self.tokenizer.pad_token_id if self.tokenizer.pad_token_id is not None else 0
        input_ids, mask = left_pad([row.prompt + row.response for row in encoded], pad)
        labels, _ = left_pad([[IGNORED] * len(row.prompt) + row.response for row in encoded], IGNORED)
        return {
            "input_ids": input_ids,
            "attention_mask": mask,
            "position_ids": positions(mask),
            "labels": labels,
            "abstention": torch.tensor([row["outcome"] == "abstain" for row in rows]),
        }

    def encode(self, row: Mapping[str, Any]) -> EncodedRow:
        """One row as tokens, with as many of its passages as fit."""
        if not row["response"].strip():
            raise ValueError(f"row {row['id']!r} has an empty response: drop it")
        response = encode_response(self.tokenizer, row["response"])
        passages, dropped = self.passages(row), 0
        template = "rag" if row.get("mode", "rag") == "rag" else "closed_book"
        while True:
            prompt = encode_prompt(self.tokenizer, render(template, row["question"], passages))
            if self.max_length is None or len(prompt) + len(response) <= self.max_length:
                return EncodedRow(prompt, response, dropped)
            if not passages:
                raise ValueError(
                    f"row {row['id']!r} needs {len(prompt) + len(response)} tokens without any passage and max_length "
                    f"is {self.max_length}: raise max_length or drop the row"
                )
            passages, dropped = passages[:-1], dropped + 1

    def passages(self, row: Mapping[str, Any]) -> list[Passage]:
        """The row's passages in the order of this epoch."""
        if row.get("mode", "rag") == "closed_book":
            return []
        passages = [Passage(p["id"], p["text"], p["title"]) for p in row["passages"]]
        if self.shuffle_passages:
            random.Random(stable_seed(self.seed, f"{self.epoch}/{row['id']}")).shuffle(passages)
        return passages
