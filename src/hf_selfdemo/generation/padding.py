"""Pads rows of token ids to one tensor."""

from __future__ import annotations

from collections.abc import Sequence

import torch

PAD = 0
"""The token id used for padding. The mask hides it, so any token that the model has will do. A tokenizer's pad token
may be missing or have no embedding."""


def left_pad(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Ids and attention mask, both (rows, longest row), int64. Every row ends in the last column.

    The mask is made from lengths, not from ids, since the pad token may also occur in a text.

    Example:
        >>> left_pad([[5, 6], [7]], 0)[0].tolist()
        [[5, 6], [0, 7]]
    """
    width = max(map(len, rows))
    ids = torch.tensor([[pad_id] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


def right_pad(rows: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """As `left_pad`, but every row begins in the first column.

    Example:
        >>> right_pad([[5, 6], [7]], 0)[0].tolist()
        [[5, 6], [7, 0]]
    """
    ids, mask = left_pad([row[::-1] for row in rows], pad_id)
    return ids.flip(1), mask.flip(1)


def positions(mask: torch.Tensor) -> torch.Tensor:
    """Position ids that count only real tokens, in the shape of `mask`.

    Example:
        >>> positions(torch.tensor([[0, 1, 1]])).tolist()
        [[0, 0, 1]]
    """
    return (mask.cumsum(-1) - 1).clamp(min=0)
