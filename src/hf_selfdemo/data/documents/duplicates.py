"""Passages that say the same: of each such group the first stays."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hf_selfdemo.data.documents.pieces import Piece

NEAR = 0.8
"""Jaccard similarity of two passages' word sequences from which on they are one."""

_SEQUENCE = 5
"""Words of a sequence."""

_HASHES = 128
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A passage that was left out, and the one that stays."""

    id: str
    of: str


def distinct(found: Iterable[Piece]) -> tuple[list[Piece], list[Duplicate]]:
    """The passages that stay, and those left out: with the same words as one before, or nearly so.

    Similarity is estimated by MinHash (Broder 1997) over sequences of five words, so that a pair close to `NEAR` may
    fall either way, always the same.
    """
    from datasketch import MinHash, MinHashLSH

    blank = MinHash(num_perm=_HASHES, seed=1)
    index = MinHashLSH(threshold=NEAR, num_perm=_HASHES)
    same: dict[tuple[str, ...], str] = {}
    kept, left_out = [], []
    for piece in found:
        words = tuple(_WORD.findall(piece.passage.text.casefold()))
        if words in same:
            left_out.append(Duplicate(piece.passage.id, same[words]))
            continue
        signature = blank.copy()
        signature.update_batch([" ".join(one).encode() for one in _sequences(words)])
        if near := sorted(index.query(signature)):
            left_out.append(Duplicate(piece.passage.id, near[0]))
            continue
        same[words] = piece.passage.id
        index.insert(piece.passage.id, signature)
        kept.append(piece)
    return kept, left_out


def _sequences(words: tuple[str, ...]) -> list[tuple[str, ...]]:
    return [words[i : i + _SEQUENCE] for i in range(max(1, len(words) - _SEQUENCE + 1))]
