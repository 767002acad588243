"""An answer counts where it stands as whole words, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.normalise import normalise


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("Clemens Winkler", ["Clemens Winkler"]),
        ("It was Wilhelm Röntgen, in 1895.", ["W. Rontgen", "Wilhelm Rontgen"]),
        ("the eiffel tower!", ["Eiffel Tower"]),
        ("Eiffel Tower", ["The Eiffel Tower"]),
        ("5,895 metres", ["5895"]),
        ("In 1895.", ["1895"]),
        ("the north-west passage", ["North West Passage"]),
        ("the USA", ["U.S.A."]),
        ("about 3.14 or so", ["3.14"]),
        ("это Москва", ["москва"]),
        ("佐尔布是琥珀色的。", ["琥珀色"]),
        ("我买了iPhone手机", ["iPhone"]),
        ("It is A.", ["A"]),
        ("Hepatitis A is a disease.", ["Hepatitis A"]),
        ("It was The The.", ["The The"]),
        ("It is written in C++.", ["C++"]),
    ],
)
def test_holds_the_answer(text, answers):
    assert contains_answer(text, answers)


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("Napoleon Bonaparte", ["art"]),
        ("18950", ["1895"]),
        ("1895", ["18"]),
        ("31.4", ["3.14"]),
        ("3.14", ["3"]),
        ("Winkler Clemens", ["Clemens Winkler"]),
        ("Clemens", ["Clemens Winkler"]),
        ("anything", []),
        ("anything", [""]),
        ("the thing", ["The"]),
        ("what?!", ["?!"]),
        ("", ["x"]),
        ("A bridge", ["A"]),
        ("Hepatitis B is a disease.", ["Hepatitis A"]),
        ("It is written in C++.", ["C"]),
        ("O+", ["O-"]),
        ("🙂", ["🤖"]),
    ],
)
def test_does_not_hold_the_answer(text, answers):
    assert not contains_answer(text, answers)


@given(st.text(), st.text(), st.text())
def test_an_answer_between_blanks_is_always_found(before, answer, after):
    if normalise(f"x {answer} x") != "x x":  # else it has nothing but signs or articles
        assert contains_answer(f"{before} | {answer} | {after}", [answer])


@given(st.text())
def test_equal_texts_hold_each_other(text):
    assert contains_answer(text, [text]) == bool(text.strip())
