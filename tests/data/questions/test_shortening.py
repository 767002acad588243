"""Long passages are split between sentences, whatever their script; nothing is lost and no piece is too long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.questions import shortened

ENGLISH = "Dr. Vale of the U.S. Army met Mr. Storm at 5 p.m. It was cold. Was it? Yes! Nobody knows why."
CHINESE = "东京是日本的首都。它位于关东地区，人口约一千四百万。你知道吗？不知道！"


def texts(text, limit):
    return [p.text for p in shortened([Passage("a", text)], limit, split=True)]


def test_pieces_end_with_sentences():
    assert texts(ENGLISH, 14) == [
        "Dr. Vale of the U.S. Army met Mr. Storm at 5 p.m.",
        "It was cold. Was it? Yes! Nobody knows why.",
    ]
    assert texts(CHINESE, 18) == ["东京是日本的首都。", "它位于关东地区，人口约一千四百万。", "你知道吗？不知道！"]


def test_pieces_bear_their_passages_id_title_and_score():
    pieces = shortened([Passage("a", "One is. Two is.", "T", 2.5), Passage("b", "Short.")], 2, split=True)
    assert pieces == [
        Passage("a#1", "One is.", "T", 2.5),
        Passage("a#2", "Two is.", "T", 2.5),
        Passage("b", "Short."),
    ]


def test_a_sentence_that_is_too_long_is_split_between_words():
    assert texts("one two three four five", 2) == ["one two", "three four", "five"]


@pytest.mark.parametrize("split", [False, True])
def test_nothing_is_done_to_what_is_short_enough_or_without_a_limit(split):
    passages = [Passage("a", "  One  two. \n Three. "), Passage("b", CHINESE)]
    assert shortened(passages, 0, split) == passages
    assert shortened(passages, 40, split) == passages


@given(st.text(st.sampled_from("ab .!?。\n中"), max_size=60), st.integers(1, 8))
def test_no_word_is_lost_and_no_piece_is_too_long(text, limit):
    pieces = texts(text, limit)
    if len(pieces) > 1:
        assert "".join("".join(pieces).split()) == "".join(text.split())
        for piece in pieces:
            assert len([c for c in piece if c == "中"]) + len(piece.replace("中", " ").split()) <= limit
            assert piece == piece.strip() != ""
