"""Several retrievers in one, by reciprocal rank fusion: only ranks count, so their scores need no common scale."""

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
    """Reciprocal rank fusion (Cormack, Clarke and Büttcher 2009), mostly of BM25 and dense search.

    `Passage.score` is the sum of 1 / (constant + rank) over the retrievers that found the passage, rounded to eight
    decimals. Passages that a retriever scores alike share a rank; equal sums come in the order of ids.

    Args:
        retrievers: two or more over one corpus.
        constant: the larger, the less the first ranks count over the others.
        depth: how far down each is looked, or as far as passages are asked for if that is more.

    Raises:
        UserError: for fewer than two retrievers, one that lacks a member of its contract, or a number out of range.
    """

    def __init__(self, retrievers: Sequence[Retriever], constant: float = 60, depth: int = 100) -> None:
        NOT_NEGATIVE.check(constant=constant)
        ONE_OR_MORE.check(depth=depth)
        if len(retrievers) < 2:
            raise UserError(f"there is nothing to fuse: {len(retrievers)} retriever(s)", "give two or more")
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
    """Passages with their rank, from 1; those of one score have that of the first of them."""
    rank = 1
    for place, passage in enumerate(ranking, 1):
        if place > 1 and passage.score != ranking[place - 2].score:
            rank = place
        yield rank, passage
