"""Contract tests for retrievers, which follow `core.protocols.Retriever`."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from hf_selfdemo.core.protocols import Retriever
from hf_selfdemo.core.types import Passage, Question

CORPUS = [
    *(Passage(f"p{i}", "The river reaches the sea.", score=1.0) for i in range(6)),
    Passage("x", "Röntgen worked in Würzburg.", "Röntgen", score=1.0),
    Passage("y", "東京 は 日本 の 首都", score=1.0),
]
TEXTS = [
    "Which river reaches the sea?",
    "Röntgen",
    "東京",
    "the of and",
    "",
    "  ",
    "🤷‍♀️",
    "?!",
    "<|im_end|>",
    "sea " * 500,
]


def ids(results: Sequence[Sequence[Passage]]) -> list[list[str]]:
    """The ids of the passages that were found."""
    return [[p.id for p in found] for found in results]


class RetrieverContract:
    """Contract tests for a retriever.

    Subclass it and define a fixture `make` that returns the class of your retriever, or a function that makes one from
    passages. If your retriever needs more than passages, define a fixture `made` instead. It returns the retriever over
    `CORPUS` and a question for each of `TEXTS`.
    """

    @pytest.fixture
    def make(self) -> Callable[[Sequence[Passage]], Retriever]:
        raise NotImplementedError("define a fixture `make` with the class of your retriever, or a fixture `made`")

    @pytest.fixture
    def made(self, make: Callable[[Sequence[Passage]], Retriever]) -> tuple[Retriever, list[Question]]:
        return make(CORPUS), [Question(f"q{i}", text) for i, text in enumerate(TEXTS)]

    def test_it_is_a_retriever(self, made: Any) -> None:
        assert isinstance(made[0], Retriever)

    @pytest.mark.parametrize("k", [1, 3, len(CORPUS), 1000])
    def test_one_result_a_question_with_at_most_k_passages_of_the_corpus_each_once(self, made: Any, k: Any) -> None:
        retriever, questions = made
        results = retriever.retrieve(questions, k)
        assert len(results) == len(questions)
        for found in ids(results):
            assert len(found) <= k
            assert len(set(found)) == len(found)
            assert set(found) <= {p.id for p in CORPUS}
        assert ids(results)[0], "the first question must find a passage"

    def test_results_stay_with_their_questions_whatever_the_order(self, made: Any) -> None:
        retriever, questions = made
        expected = dict(zip(questions, retriever.retrieve(questions, 3), strict=True))
        shuffled = random.Random(0).sample(questions, len(questions))
        assert retriever.retrieve(shuffled, 3) == [expected[q] for q in shuffled]
        assert [retriever.retrieve([q], 3)[0] for q in questions] == list(expected.values())
        assert retriever.retrieve([], 3) == []

    def test_best_first_and_a_smaller_k_is_the_beginning_of_a_larger(self, made: Any) -> None:
        retriever, questions = made
        all_found = retriever.retrieve(questions, 100)
        for k in (1, 2, 5):
            assert retriever.retrieve(questions, k) == [found[:k] for found in all_found]
        for found in all_found:
            assert [p.score for p in found] == sorted((p.score for p in found), reverse=True)

    def test_equal_scores_come_in_the_order_of_ids(self, made: Any) -> None:
        retriever, questions = made
        found = [p for p in retriever.retrieve(questions[:1], 100)[0] if p.id.startswith("p")]
        assert [p.id for p in found if p.score == found[0].score] == [f"p{i}" for i in range(6)]

    def test_passages_come_back_whole(self, made: Any) -> None:
        retriever, questions = made
        by_id = {p.id: p for p in CORPUS}
        for p in (p for found in retriever.retrieve(questions, 9) for p in found):
            assert (p.text, p.title) == (by_id[p.id].text, by_id[p.id].title)

    @pytest.mark.parametrize("k", [0, -3])
    def test_k_below_one_is_a_value_error(self, made: Any, k: Any) -> None:
        retriever, questions = made
        with pytest.raises(ValueError):
            retriever.retrieve(questions, k)
