"""Key-value states of prompts seen before, kept so that a later prompt with the same beginning need not compute it.

A prefix is stored once, however many texts go on from it: each entry holds only the states of its own tokens and points
to the entry it continues. The passages of a question are so shared by its candidates, their second turns and the judge.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import torch

States = list[tuple[torch.Tensor, torch.Tensor]]
"""Keys and values of one stretch of tokens, a pair a layer, each (heads, tokens, head size)."""


@dataclass(eq=False)
class Prefix:
    """Token ids from the very beginning, and the states of those from `start` on; `parent` has the ones before."""

    ids: list[int]
    start: int
    states: States
    parent: Prefix | None = None

    def pieces(self, end: int) -> Iterator[tuple[States, int]]:
        """Stretches that lie one after the other from token 0 to `end`, each with how many of its tokens to take."""
        if self.parent is not None and self.start:
            yield from self.parent.pieces(min(self.start, end))
        if end > self.start:
            yield self.states, end - self.start

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(k.nbytes + v.nbytes for k, v in self.states)


@dataclass
class PrefixStore:
    """Prefixes by share key; the keys used longest ago are forgotten when there are more than `max_bytes`."""

    max_bytes: int
    _groups: OrderedDict[str, list[Prefix]] = field(default_factory=OrderedDict)
    _size: int = 0

    def find(self, share: str, ids: Sequence[int]) -> tuple[Prefix | None, int]:
        """The entry with the longest common beginning with `ids`, and its length, which leaves at least one token."""
        best: tuple[Prefix | None, int] = (None, 0)
        if share in self._groups:
            self._groups.move_to_end(share)
            for prefix in self._groups[share]:
                length = min(common_length([prefix.ids, ids]), len(ids) - 1)
                if length > best[1]:
                    best = (prefix, length)
        return best

    def add(self, share: str, prefix: Prefix) -> Prefix:
        """Keep `prefix`, and forget others if need be."""
        self._groups.setdefault(share, []).append(prefix)
        self._groups.move_to_end(share)
        self._size += prefix.size
        while self._size > self.max_bytes and self._groups:
            _, forgotten = self._groups.popitem(last=False)
            self._size -= sum(p.size for p in forgotten)
        return prefix


def common_length(sequences: Sequence[Sequence[int]]) -> int:
    """How many leading tokens all sequences share.

    Example:
        >>> common_length([[1, 2, 3], [1, 2, 4, 5]])
        2
    """
    shortest = min(map(len, sequences))
    first = sequences[0]
    if all(other[:shortest] == first[:shortest] for other in sequences[1:]):
        return shortest
    return next(i for i in range(shortest) if any(other[i] != first[i] for other in sequences[1:]))
