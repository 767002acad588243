"""Stores states of tokens on disk. A token's states are found by the token and all tokens before it."""

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
"""The fewest tokens that are stored in a file."""

_NAME = 16
"""Number of bytes of a token's name."""


@dataclass(frozen=True)
class States:
    """States of consecutive tokens: the output of the layers, `hidden`, is (tokens, width), and `keys` and `values` are
    (tokens, layers, heads, head size)."""

    hidden: torch.Tensor
    keys: torch.Tensor
    values: torch.Tensor

    def __getitem__(self, tokens: slice) -> States:
        return States(self.hidden[tokens], self.keys[tokens], self.values[tokens])

    @classmethod
    def joined(cls, parts: Sequence[States]) -> States:
        """Concatenate states."""
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in ("hidden", "keys", "values")))


class StateStore:
    """States in the files of a folder, which several processes may share.

    A file contains the states of consecutive tokens. It appears under its name when it is complete, and never changes.
    If the disk is full, a warning is logged once, and nothing more is stored.

    Args:
        folder: the folder, which is created if it does not exist.
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
                logger.warning("%s cannot be read and is ignored (%s)", path, error)

    def known(self, names: Sequence[bytes]) -> int:
        """How many of the first tokens have stored states."""
        return next((i for i, name in enumerate(names) if name not in self._places), len(names))

    def read(self, names: Sequence[bytes]) -> States:
        """The stored states of consecutive tokens, all of which must be known."""
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
        """Store the states of consecutive tokens, except those already stored. Fewer than `LEAST` are not stored."""
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
            logger.warning("no more states are stored in %s (%s)", self._folder, error)
            return
        self._learn(path, names)

    def _learn(self, path: Path, names: Sequence[bytes]) -> None:
        for place, name in enumerate(names):
            self._places.setdefault(name, (path, place))


_PARTS = ("hidden", "keys", "values")


def token_names(ids: Sequence[int]) -> list[bytes]:
    """A name for each token, made from this token and all tokens before it.

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
