"""A passage holds an answer where the judge would accept a quotation from it; what replies must not do, it may."""

import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hf_selfdemo.core.types import Passage
from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.answers.passages import holds_answer

WHEN, WHO, MANY, WHERE = "When did the bridge open?", "Who built it?", "How many died?", "Where is it?"


@pytest.mark.parametrize(
    ("question", "answer", "title", "text"),
    [
        (WHEN, "25 December 2001", "", "The bridge opened on 25 December 2001."),
        (WHEN, "25 December 2001", "", "People remember December 25, 2001, when it opened."),
        (WHEN, "25 December 2001", "", "It was opened (2001-12-25) by the mayor."),
        (WHO, "Odalys Brenk", "Odalys Brenk", "She built it."),
        (WHO, "Odalys Marie Brenk", "", "Its builder was Odalys Brenk. She was born in Bern."),
        (MANY, "1,895", "", "There were eighteen hundred and ninety-five victims."),
        (WHERE, "United States", "", "It lies in the U.S., near the border."),
        ("佐尔布是什么颜色的？", "琥珀色", "佐尔布", "佐尔布是琥珀色的，产于哈尔登。"),
        ("どこですか", "東京都", "", "それは東京都にあります。"),
        ("ที่ไหน", "กรุงเทพ", "", "เมืองหลวงคือกรุงเทพมหานคร"),
        ("어디", "서울", "", "수도는 서울이다."),
    ],
)
def test_title_or_text_may_state_it_in_other_words(question, answer, title, text):
    assert holds_answer(Passage("1", text, title), [answer], question)
    assert holds_answer(Passage("1", text, title), ["Zug", answer], question)


@pytest.mark.parametrize(
    ("question", "answer", "title", "text"),
    [
        (WHEN, "25 December 2001", "", "The bridge opened on 26 December 2001."),
        (WHO, "Odalys Brenk", "", "It was built by Ann Brenk."),
        (WHO, "art", "Bonaparte", "Adamant."),
        ("佐尔布是什么颜色的？", "琥珀色", "佐尔布", "佐尔布是红色的，琥珀也产于哈尔登。"),
        ("在哪里", "北京市", "", "他在北海市。"),
        ("ที่ไหน", "กรุงเทพ", "", "เมืองหลวงคือลอนดอน"),
        (WHO, "", "", "Somebody."),
    ],
)
def test_something_else_is_not_the_answer(question, answer, title, text):
    assert not holds_answer(Passage("1", text, title), [answer], question)


@pytest.mark.parametrize(
    "text",
    [
        "It is not known when the bridge opened, but it may have been December 25, 2001.",
        "I do not know. It was December 25, 2001.",
        "Either December 25, 2001 or December 26, 2001.",
        "The bridge was not opened on December 25, 2001 but a day later.",
        "Halden, December 25, 2001, Oslo, Bergen, Moss, Hamar",
    ],
)
def test_what_a_passage_leaves_open_or_denies_can_be_copied_from_it(text):
    assert holds_answer(Passage("1", text), ["25 December 2001"], WHEN)


SENTENCES = [
    "The bridge opened on December 25, 2001.",
    "It was not opened in 2001 but in 2003.",
    "Odalys Brenk never lived there.",
    "The U.S. Army built it for $5.2 million between 1997 and 2003.",
    "Manchester City lost; South Korea won.",
    "Many died, 1,895 or so, in the mid-1980s.",
    "It is not in Rome.",
    "Geologists disagree.",
]
ANSWERS = [
    "25 December 2001",
    "1990 to 2000",
    "from January to May 2003",
    "Odalys Marie Brenk",
    "United States",
    "$5 million",
    "Manchester United",
    "North Korea",
    "1,895",
    "the 1980s",
    "Structural geologists",
    "Rome and Oslo",
]


@given(st.lists(st.sampled_from(SENTENCES), min_size=1, max_size=4), st.data())
def test_a_quotation_that_is_judged_right_stands_in_a_passage_that_holds_the_answer(sentences, data):
    start = data.draw(st.integers(0, len(sentences) - 1))
    quoted = " ".join(sentences[start : data.draw(st.integers(start + 1, len(sentences)))])
    answer, question = data.draw(st.sampled_from(ANSWERS)), data.draw(st.sampled_from([WHEN, WHO, MANY, WHERE]))
    if answers_match(quoted, [answer], question):
        assert holds_answer(Passage("1", " ".join(sentences)), [answer], question)


@given(st.text(max_size=30), st.text(max_size=200), st.lists(st.text(max_size=20), max_size=3), st.text(max_size=30))
@example("", "", ["x"], "")
def test_no_text_breaks_it(title, text, answers, question):
    assert holds_answer(Passage("1", text, title), answers, question) in (True, False)


def test_no_passage_is_held_once_it_was_looked_at():
    """Counted in bytes of Python's own account, which no clock and no other process changes."""
    rows, length = 3000, 3000

    def look(first):
        for i in range(first, first + rows):
            text = f"The answer to number {i} is {i * 7}. ".ljust(length, "x")
            assert holds_answer(Passage(str(i), text), [str(i * 7)], f"What is the answer to number {i}?")

    look(0)
    tracemalloc.start()
    look(rows)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < rows * length / 4
