"""A batch of rows that continue from different cached prefixes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from hf_selfdemo.generation.cache import cache_with, can_drop_rows
from hf_selfdemo.generation.last_logits import last_logits
from hf_selfdemo.generation.padding import PAD, left_pad, positions
from hf_selfdemo.generation.prefixes import Prefix

Padding = Callable[[Sequence[Sequence[int]], int], tuple[torch.Tensor, torch.Tensor]]
"""A function that pads rows of token ids to one tensor, and returns it with its mask."""


class Batch:
    """The key-value cache and attention mask of some rows. Every forward pass extends both.

    Args:
        model: a causal language model of transformers.
        pasts: for each row, a prefix with cached states and how many of its tokens to use.
    """

    def __init__(self, model: Any, pasts: Sequence[tuple[Prefix | None, int]]) -> None:
        self.model = model
        self.cache = cache_with(model.config, pasts)
        width = max(length for _, length in pasts)
        mask = [[0] * (width - length) + [1] * length for _, length in pasts]
        self.mask = torch.tensor(mask, dtype=torch.long, device=model.device).reshape(len(pasts), width)

    @property
    def width(self) -> int:
        """The number of columns so far."""
        return self.mask.shape[1]

    def extend(self, new: Sequence[Sequence[int]], columns: int | None = 1, pad: Padding = left_pad) -> torch.Tensor:
        """Run the next tokens of each row, and return the logits of the last columns, (rows, columns, vocabulary).

        Args:
            new: token ids, at least one per row.
            columns: the number of last columns; None for all of `new`.
            pad: `left_pad`, or `right_pad` if the rows are not extended again.
        """
        ids, real = (t.to(self.model.device) for t in pad(new, PAD))
        self.mask = torch.cat([self.mask, real], dim=1)
        inputs = {"input_ids": ids, "attention_mask": self.mask, "past_key_values": self.cache}
        places = positions(self.mask)[:, -ids.shape[1] :]
        logits = last_logits(self.model, columns or ids.shape[1], position_ids=places, **inputs)
        for old, more in zip(self.cache.token_ids, new, strict=True):
            old.extend(more)
        return logits

    @property
    def can_pick(self) -> bool:
        """Whether rows can be removed from the cache."""
        return can_drop_rows(self.cache)

    def pick(self, rows: Sequence[int]) -> None:
        """Continue with these rows, in this order. A row may be repeated."""
        places = torch.tensor(rows)  # an index on the CPU works for tensors on any device
        self.cache.batch_select_indices(places)
        self.cache.token_ids = [[*self.cache.token_ids[row]] for row in rows]
        self.mask = self.mask[places.to(self.mask.device)]
