"""Combines several retrievers by reciprocal rank fusion, which uses only ranks and needs no common scale of scores."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Retriever, check_contract
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE
from hf_selfdemo.core.types import Passage, Question


class HybridRetriever:
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009), usually of BM25 and dense retrieval.

    `Passage.score` is the sum of 1 / (constant + rank) over the retrievers that found the passage, rounded to eight
    decimals. Passages to which a retriever gives equal scores share a rank. Equal sums come in the order of ids.

    Args:
        retrievers: two or more retrievers over one corpus.
        constant: a larger constant reduces the advantage of the first ranks.
        depth: how many passages of each retriever are fused; if `k` is larger, then `k`.

    Raises:
        UserError: for fewer than two retrievers, one that lacks a member of its contract, or a number out of range.
    """

    def __init__(self, retrievers: Sequence[Retriever], constant: float = 60, depth: int = 100) -> None:
        NOT_NEGATIVE.check(constant=constant)
        ONE_OR_MORE.check(depth=depth)
        if len(retrievers) < 2:
            raise UserError(f"there are {len(retrievers)} retrievers to fuse", "give two or more")
        for retriever in retrievers:
            check_contract(retriever, Retriever, "retriever")
        self.retrievers, self.constant, self.depth = list(retrievers), constant, depth

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        ONE_OR_MORE.check(k=k)
        found = [retriever.retrieve(questions, max(k, self.depth)) for retriever in self.retrievers]
        return [self._fused(rankings)[:k] for rankings in zip(*found, strict=True)]

    def _fused(self, rankings: Sequence[Sequence[Passage]]) -> tuple[Passage, ...]:
        shares: dict[Passage, list[float]] = defaultdict(list)
        for ranking in rankings:
            for rank, passage in _ranked(ranking):
                shares[replace(passage, score=0.0)].append(1 / (self.constant + rank))
        scored = [replace(passage, score=round(math.fsum(found), 8)) for passage, found in shares.items()]
        return tuple(sorted(scored, key=lambda passage: (-passage.score, passage.id)))


def _ranked(ranking: Sequence[Passage]) -> Iterator[tuple[int, Passage]]:
    """Passages with their rank, from 1. Passages with equal scores share the rank of the first of them."""
    rank = 1
    for place, passage in enumerate(ranking, 1):
        if place > 1 and passage.score != ranking[place - 2].score:
            rank = place
        yield rank, passage
