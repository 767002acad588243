"""Answers are marked where they stand, and only there."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.evaluation.report.highlight import answer_spans, segments
from hf_selfdemo.scoring.match import contains_answer

WORDS = st.lists(st.sampled_from(["the", "Röntgen", "rontgen,", "North-West", "1,895", "U.S.", "a", "(art)", "—"]))


@pytest.mark.parametrize(
    ("text", "answer", "marked"),
    [
        ("It was Wilhelm Röntgen, in 1895.", "wilhelm rontgen", ["Wilhelm Röntgen"]),
        ("It was (Röntgen).", "The Röntgen", ["Röntgen"]),
        ("Napoleon Bonaparte", "art", []),
        ("Paris, paris and PARIS!", "Paris", ["Paris", "paris", "PARIS"]),
        ("In 1,895 A.D. it began.", "1895 AD", ["1,895 A.D."]),
        ("The north-west coast", "north west", ["north-west"]),
        ("anything", "the", []),
        ("佐尔布是琥珀色的，产于哈尔登。", "琥珀色", ["琥珀色"]),
        ("It is written in C++, not in C.", "C++", ["C++"]),
        ("", "x", []),
    ],
)
def test_answers_are_found_as_the_matcher_finds_them(text, answer, marked):
    assert [text[a:b] for a, b in answer_spans(text, [answer])] == marked
    assert contains_answer(text, [answer]) == bool(marked)


@given(WORDS, WORDS)
def test_what_is_marked_holds_the_answer(words, answer):
    text, answers = " ".join(words), [" ".join(answer)]
    spans = answer_spans(text, answers)
    assert all(contains_answer(text[a:b], answers) for a, b in spans)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


@given(WORDS, WORDS, st.integers(1, 80))
def test_pieces_are_the_text_or_a_part_of_it(words, answer, longest):
    text = " ".join(words)
    pieces = segments(text, [" ".join(answer)], longest)
    joined = "".join(piece for piece, _ in pieces)
    assert joined.strip("…") in text and len(joined) <= longest + 2
    assert len(text) > longest or joined == text


def test_a_cut_keeps_the_answer_in_sight():
    text = "word " * 500 + "Winkler" + " word" * 500
    pieces = segments(text, ["Winkler"], 300)
    assert ("Winkler", True) in pieces and pieces[0][0].startswith("…") and pieces[-1][0].endswith("…")
    assert sum(len(piece) for piece, _ in pieces) <= 302


def test_sentences_of_a_passage_that_state_an_answer_in_other_words_are_marked():
    text = "It is grey. It opened on Dec. 25, 2001, at noon. Nobody came."
    spans = answer_spans(text, ["25 December 2001"], "When did the bridge open?")
    assert [text[a:b].strip() for a, b in spans] == ["It opened on Dec. 25, 2001, at noon."]
    assert answer_spans(text, ["25 December 2001"]) == []
    assert answer_spans(text, ["26 December 2001"], "When did the bridge open?") == []
