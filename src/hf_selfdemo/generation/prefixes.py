"""Stores key-value states of earlier prompts, so that a later prompt with the same beginning reuses them.

A prefix is stored once, however many texts continue it: an entry has only the states of its own tokens, and refers to
the entry that it continues. So the candidates of a question, their second turns and the judge share its passages.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

States = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of consecutive tokens: one pair per layer, each (heads, tokens, head size)."""


@dataclass(eq=False)
class Prefix:
    """The token ids of a prefix, and the states of those from `start` on. `parent` has the states before `start`."""

    ids: list[int]
    start: int
    states: States
    parent: Prefix | None = None

    def pieces(self, end: int) -> Iterator[tuple[States, int]]:
        """The consecutive states from token 0 to `end`, each with how many of its tokens to use."""
        if self.parent is not None and self.start:
            yield from self.parent.pieces(min(self.start, end))
        if end > self.start:
            yield self.states, end - self.start

    @property
    def size(self) -> int:
        """The size of the states in bytes."""
        return sum(k.nbytes + v.nbytes for k, v in self.states)


@dataclass
class PrefixStore:
    """Prefixes by share key. If they exceed `max_bytes`, the least recently used keys are dropped."""

    max_bytes: int
    _groups: OrderedDict[str, list[Prefix]] = field(default_factory=OrderedDict)
    _size: int = 0

    def find(self, share: str, ids: Sequence[int]) -> tuple[Prefix | None, int]:
        """The entry with the longest common beginning with `ids`, and its length, which is at most len(ids) - 1."""
        best: tuple[Prefix | None, int] = (None, 0)
        if share in self._groups:
            self._groups.move_to_end(share)
            for prefix in self._groups[share]:
                length = min(common_length([prefix.ids, ids]), len(ids) - 1)
                if length > best[1]:
                    best = (prefix, length)
        return best

    def add(self, share: str, prefix: Prefix) -> Prefix:
        """Store `prefix`, and drop others if there is no room."""
        self._groups.setdefault(share, []).append(prefix)
        self._groups.move_to_end(share)
        self._size += prefix.size
        while self._size > self.max_bytes and self._groups:
            _, forgotten = self._groups.popitem(last=False)
            self._size -= sum(p.size for p in forgotten)
        return prefix


def common_length(sequences: Sequence[Sequence[int]]) -> int:
    """The number of leading tokens that all sequences share.

    Example:
        >>> common_length([[1, 2, 3], [1, 2, 4, 5]])
        2
    """
    shortest = min(map(len, sequences))
    first = sequences[0]
    if all(other[:shortest] == first[:shortest] for other in sequences[1:]):
        return shortest
    return next(i for i in range(shortest) if any(other[i] != first[i] for other in sequences[1:]))
