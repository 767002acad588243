"""Reranks a retriever's best passages with a cross-encoder, which reads question and passage together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Protocol, runtime_checkable

import numpy as np

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Retriever, check_contract
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval.encoder import batch_size, loaded, title_and_text
from hf_selfdemo.data.retrieval.models import find_model

_QUESTIONS = 16
"""Number of questions whose pairs are scored together."""


@runtime_checkable
class Reranker(Protocol):
    """Scores how well passages answer questions. Implementations need not inherit from this class."""

    def scores(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        """One score for each pair of a question and a passage (title and text in one). Higher is better.

        A score must not depend on the other pairs of the call (up to rounding).
        """
        ...


class CrossEncoderReranker:
    """A cross-encoder of sentence-transformers with one output (Nogueira and Cho 2019). Scores are its logits.

    Args:
        model: a folder or a Hub id.
        trust_remote_code: run code from the model's repository.

    Raises:
        UserError: if sentence-transformers is not installed, or the model cannot be found or loaded, or it has several
            outputs.
    """

    def __init__(self, model: str, trust_remote_code: bool = False) -> None:
        source = find_model(model, "reranker")
        self._model = loaded("CrossEncoder", source.where, source.revision, trust_remote_code)
        if self._model.num_labels != 1:
            what = f"reranker {model!r} has {self._model.num_labels} outputs per pair"
            raise UserError(what, "use a cross-encoder with one output, trained to rank passages")
        self._batch = batch_size(self._model)

    def scores(self, pairs: Sequence[tuple[str, str]]) -> Sequence[float]:
        from torch.nn import Identity  # a sigmoid would round scores near 0 and 1 to equal values

        found: list[float] = self._model.predict(
            list(pairs), batch_size=self._batch, activation_fn=Identity(), show_progress_bar=False
        ).tolist()
        return found


class RerankedRetriever:
    """The best passages of another retriever, ordered by a reranker.

    `Passage.score` is the reranker's score, rounded to four decimals. Equal scores come in the order of ids.

    Args:
        retriever: finds the passages.
        reranker: scores them.
        depth: how many passages are scored for a question; if `k` is larger, then `k`.

    Raises:
        UserError: for a retriever or reranker that lacks a member of its contract, or a depth below 1; from `retrieve`,
            if the reranker does not give one finite score per pair.
    """

    def __init__(self, retriever: Retriever, reranker: Reranker, depth: int = 50) -> None:
        ONE_OR_MORE.check(depth=depth)
        check_contract(retriever, Retriever, "retriever")
        check_contract(reranker, Reranker, "reranker")
        self.retriever, self.reranker, self.depth = retriever, reranker, depth

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        ONE_OR_MORE.check(k=k)
        found: list[tuple[Passage, ...]] = []
        for start in range(0, len(questions), _QUESTIONS):
            some = questions[start : start + _QUESTIONS]
            found += (ranked[:k] for ranked in self._ordered(some, max(k, self.depth)))
        return found

    def _ordered(self, questions: Sequence[Question], depth: int) -> list[tuple[Passage, ...]]:
        found = self.retriever.retrieve(questions, depth)
        pairs = [
            (question.text, title_and_text(passage))
            for question, passages in zip(questions, found, strict=True)
            for passage in passages
        ]
        scores = np.asarray(self.reranker.scores(pairs) if pairs else [], dtype=np.float64)
        if scores.shape != (len(pairs),) or not np.isfinite(scores).all():
            what = f"the reranker gave an array of shape {scores.shape} or scores that are not finite"
            raise UserError(f"{what} for {len(pairs)} pairs", "make the reranker return one finite score per pair")
        scored = zip(chain.from_iterable(found), scores.round(4).tolist(), strict=True)
        each = iter([replace(passage, score=score) for passage, score in scored])
        return [
            tuple(sorted((next(each) for _ in passages), key=lambda passage: (-passage.score, passage.id)))
            for passages in found
        ]
