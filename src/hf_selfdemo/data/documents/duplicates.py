"""Finds duplicate passages. The first of each group of duplicates is kept."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from hf_selfdemo.data.documents.pieces import Piece

NEAR = 0.8
"""The Jaccard similarity of two passages' word sequences from which they count as duplicates."""

_SEQUENCE = 5
"""The number of words of a sequence."""

_HASHES = 128
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Duplicate:
    """A passage that was left out, and the passage that it duplicates."""

    id: str
    of: str


def distinct(found: Iterable[Piece]) -> tuple[list[Piece], list[Duplicate]]:
    """Separate the passages to keep from exact and near duplicates of earlier passages.

    MinHash (Broder 1997) estimates the similarity over sequences of five words. A pair close to `NEAR` may be judged
    either way, but every run judges it the same.
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
