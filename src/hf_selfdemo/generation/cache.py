"""A key-value cache that grows in blocks and can start with states that were computed earlier."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

from hf_selfdemo.generation.prefixes import Prefix, States

BLOCK = 64
"""Number of tokens by which a cache grows."""


class BlockLayer(DynamicLayer):
    """A `DynamicLayer` with spare room. Its `torch.cat` for every token took a third of each decoding step on a CPU."""

    def __init__(self) -> None:
        super().__init__()
        self._room: tuple[torch.Tensor, torch.Tensor] | None = None

    def preload(self, rows: Sequence[tuple[torch.Tensor, torch.Tensor] | None], width: int) -> None:
        """Start with the states of each row, right-aligned in `width` columns. A row with None starts with zeros."""
        some = next(row for row in rows if row is not None)
        heads, _, size = some[0].shape
        keys, values = (t.new_zeros((len(rows), heads, width, size)) for t in some)
        for i, row in enumerate(rows):
            if row is not None:
                keys[i, :, width - row[0].shape[1] :] = row[0]
                values[i, :, width - row[1].shape[1] :] = row[1]
        self.lazy_initialization(keys, values)
        self.keys, self.values = keys, values

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        assert self.keys is not None and self.values is not None
        start = self.get_seq_length()
        end = start + key_states.shape[-2]
        room = self._room
        if room is None or room[0].shape[-2] < end or room[0].data_ptr() != self.keys.data_ptr():  # new after `pick`
            shape = (*key_states.shape[:-2], end + BLOCK, key_states.shape[-1])
            room = self._room = (key_states.new_empty(shape), value_states.new_empty(shape))
            if start:
                room[0][..., :start, :] = self.keys
                room[1][..., :start, :] = self.values
        room[0][..., start:end, :] = key_states
        room[1][..., start:end, :] = value_states
        self.keys, self.values = room[0][..., :end, :], room[1][..., :end, :]
        return self.keys, self.values


class BlockCache(DynamicCache):
    """A `DynamicCache` of `BlockLayer`s. The code that fills it keeps the token ids of each row in `token_ids`."""

    token_ids: Sequence[list[int]] = ()


def block_cache(config: Any) -> BlockCache:
    """An empty cache for a model with this config. Its full-attention layers grow in blocks."""
    cache = BlockCache(config=config)
    cache.layers = [BlockLayer() if type(layer) is DynamicLayer else layer for layer in cache.layers]
    return cache


def can_reuse(config: Any) -> bool:
    """Whether states of a prefix can be copied out and reused. Sliding windows and recurrent layers do not allow it."""
    return all(isinstance(layer, BlockLayer) for layer in block_cache(config).layers)


def can_drop_rows(cache: DynamicCache) -> bool:
    """Whether rows can be removed from a cache in use. Recurrent layers of transformers do not allow it."""
    return all(hasattr(layer, "batch_select_indices") for layer in cache.layers)


def cache_with(config: Any, pasts: Sequence[tuple[Prefix | None, int]]) -> BlockCache:
    """A cache whose row i starts with `pasts[i]`: a prefix and how many of its tokens to use, right-aligned."""
    cache = block_cache(config)
    cache.token_ids = [prefix.ids[:length] if prefix else [] for prefix, length in pasts]
    width = max((length for _, length in pasts), default=0)
    if width:
        rows = [_joined(prefix, length) for prefix, length in pasts]
        for number, layer in enumerate(_layers(cache)):
            layer.preload([row[number] if row else None for row in rows], width)
    return cache


def _joined(prefix: Prefix | None, length: int) -> States | None:
    if prefix is None or not length:
        return None
    pieces = [[(k[:, :n], v[:, :n]) for k, v in states] for states, n in prefix.pieces(length)]
    if len(pieces) == 1:
        return pieces[0]
    return [
        (torch.cat([k for k, _ in layer], dim=1), torch.cat([v for _, v in layer], dim=1))
        for layer in zip(*pieces, strict=True)
    ]


def cut(cache: DynamicCache, row: int, start: int, end: int) -> States:
    """A copy of one row's states in columns `start` to `end`."""
    return [
        (layer.keys[row, :, start:end].clone(), layer.values[row, :, start:end].clone())
        for layer in _layers(cache)
        if layer.keys is not None and layer.values is not None
    ]


def _layers(cache: DynamicCache) -> list[BlockLayer]:
    return cast("list[BlockLayer]", cache.layers)
