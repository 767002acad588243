"""States of tokens on disk, each found by all the tokens up to it."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from hf_selfdemo.core.manifest import staged

logger = logging.getLogger(__name__)

LEAST = 16
"""Tokens that are worth a file."""

_NAME = 16
"""Bytes of a token's name."""


@dataclass(frozen=True)
class States:
    """Of consecutive tokens: `hidden`, (tokens, width), leaves the layers; `keys` and `values` are
    (tokens, layers, heads, head size)."""

    hidden: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor

    def __getitem__(self, tokens: slice) -> States:
        return States(self.hidden[tokens], self.keys[tokens], self.values[tokens])

    @classmethod
    def joined(cls, parts: Sequence[States]) -> States:
        """One after the other."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in ("hidden", "keys", "values")))


class StateStore:
    """States in the files of a folder, which processes may share.

    A file holds those of some consecutive tokens. It appears under its name when it is whole, and is never changed.
    Where the disk has no room, nothing more is kept, which is told once.

    Args:
        folder: is made if need be.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._places: dict[bytes, tuple[Path, int]] = {}
        self._full = False
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.safetensors")):
            try:
                with safe_open(path, "pt") as file:
                    self._learn(path, _bytes(file.get_tensor("names")))
            except (SafetensorError, OSError) as error:
                logger.warning("%s cannot be read and is passed over (%s)", path, error)

    def known(self, names: Sequence[bytes]) -> int:
        """How many tokens from the first one on it has states of."""
        return next((i for i, name in enumerate(names) if name not in self._places), len(names))

    def read(self, names: Sequence[bytes]) -> States:
        """The states of tokens that it has, which lie one after the other in a text."""
        parts = []
        start = 0
        while start < len(names):
            path, first = self._places[names[start]]
            end = start
            while end < len(names) and self._places[names[end]] == (path, first + end - start):
                end += 1
            with safe_open(path, "pt") as file:
                parts.append(States(*(file.get_slice(name)[first : first + end - start] for name in _PARTS)))
            start = end
        return States.joined(parts)

    def add(self, names: Sequence[bytes], states: States) -> None:
        """Keep the states of consecutive tokens; those that it has and fewer than `LEAST` are passed over."""
        new = self.known(names)
        if self._full or len(names) - new < LEAST:
            return
        names, states = names[new:], states[new:]
        tensors = {name: getattr(states, name).contiguous().cpu() for name in _PARTS}
        tensors["names"] = torch.frombuffer(bytearray(b"".join(names)), dtype=torch.uint8)
        path = self._folder / f"{names[-1].hex()}-{len(names)}.safetensors"
        try:
            with staged(path) as staging:
                save_file(tensors, staging)
        except (OSError, SafetensorError) as error:
            self._full = True
            logger.warning("no more states are kept in %s (%s)", self._folder, error)
            return
        self._learn(path, names)

    def _learn(self, path: Path, names: Sequence[bytes]) -> None:
        for place, name in enumerate(names):
            self._places.setdefault(name, (path, place))


_PARTS = ("hidden", "keys", "values")


def token_names(ids: Sequence[int]) -> list[bytes]:
    """A name for each token that tells it and all before it.

    Example:
        >>> one, two = token_names([5, 6, 7]), token_names([5, 6, 8])
        >>> [a == b for a, b in zip(one, two)]
        [True, True, False]
    """
    digest = hashlib.blake2b(digest_size=_NAME)
    names = []
    for token in ids:
        digest.update(token.to_bytes(4, "little"))
        names.append(digest.digest())
    return names


def _bytes(names: torch.Tensor) -> list[bytes]:
    whole = names.numpy().tobytes()
    return [whole[i : i + _NAME] for i in range(0, len(whole), _NAME)]
