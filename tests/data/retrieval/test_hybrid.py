"""Reciprocal rank fusion goes by ranks alone, shares them among equals, and treats all retrievers alike."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.retrieval.hybrid import HybridRetriever


class Listed:
    """Finds passages by the scores that it was given."""

    def __init__(self, **scores):
        ranked = sorted(scores.items(), key=lambda each: (-each[1], each[0]))
        self.found = tuple(Passage(name, f"text {name}", score=score) for name, score in ranked)

    def retrieve(self, questions, k):
        return [self.found[:k] for _ in questions]


def fused(*retrievers, k=9, **options):
    [found] = HybridRetriever(retrievers, **options).retrieve([Question("q", "?")], k)
    return {p.id: p.score for p in found}


def test_a_score_is_the_sum_of_reciprocal_ranks_whatever_the_scales():
    found = fused(Listed(a=9.5, b=3.0, c=1.0), Listed(c=0.9, a=0.2))
    assert found == {"a": round(1 / 61 + 1 / 62, 8), "c": round(1 / 63 + 1 / 61, 8), "b": round(1 / 62, 8)}
    assert list(found) == ["a", "c", "b"]


def test_passages_of_one_score_share_a_rank_and_equal_sums_come_by_id():
    assert fused(Listed(d=1, c=1, b=1, a=0.5), Listed(e=3.0)) == {
        **{name: round(1 / 61, 8) for name in "bcde"},
        "a": round(1 / 64, 8),
    }
    assert list(fused(Listed(b=2, a=1), Listed(a=2, b=1))) == ["a", "b"]


def test_the_order_of_the_retrievers_does_not_matter():
    three = [Listed(a=3, b=2, c=1), Listed(c=7, a=6, d=5), Listed(d=1, b=0.5)]
    assert fused(*three) == fused(*three[::-1]) and list(fused(*three)) == list(fused(*three[::-1]))


def test_each_is_looked_into_as_deep_as_said_or_asked():
    one, other = Listed(a=3, b=2, c=1), Listed(c=9, d=1)
    assert "c" not in fused(one, Listed(a=1), depth=2, k=2)
    assert list(fused(one, other, depth=2, k=1)) == ["a"]  # c is third in the one
    assert list(fused(one, other, depth=3, k=1)) == ["c"]
    assert list(fused(one, other, depth=1, k=3)) == ["c", "a", "b"]


def test_what_no_retriever_finds_is_not_there():
    assert fused(Listed(), Listed()) == {}


@pytest.mark.parametrize(
    ("retrievers", "options", "words"),
    [
        ([Listed()], {}, "1 retrievers to fuse: give two or more"),
        ([Listed(), "bm25"], {}, "the retriever is a str and has no retrieve"),
        ([Listed(), Listed()], {"depth": 0}, "depth is 0: give 1 or more"),
        ([Listed(), Listed()], {"constant": -1}, "constant is -1"),
    ],
)
def test_what_cannot_be_fused_is_refused(retrievers, options, words):
    with pytest.raises(UserError, match=words):
        HybridRetriever(retrievers, **options)
