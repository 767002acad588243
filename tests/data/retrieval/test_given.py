"""Passages that came with the question are shown as they came: best score first, each once."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval.given import GivenRetriever


def ids(passages, k):
    return [p.id for p in GivenRetriever().retrieve([Question("q", "?", passages=tuple(passages))], k)[0]]


@pytest.mark.parametrize("k", [1, 2, 3, 9])
def test_without_scores_the_order_stays(k):
    assert ids([Passage(i, "...") for i in "bca"], k) == list("bca")[:k]


def test_the_best_score_comes_first_and_equal_ones_stay_in_order():
    assert ids([Passage("c", "", score=1), Passage("b", "", score=3), Passage("a", "", score=1)], 3) == ["b", "c", "a"]


def test_a_passage_given_twice_is_shown_once():
    given = [Passage("a", "x", score=1), Passage("b", "y", score=2), Passage("a", "x", score=3)]
    assert ids(given, 3) == ["a", "b"]


def test_a_question_without_passages_gets_none():
    assert ids([], 3) == []


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k):
    with pytest.raises(UserError, match=f"k is {k}: give 1 or more"):
        GivenRetriever().retrieve([], k)
