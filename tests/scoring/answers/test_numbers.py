"""A numeral is its value, and an amount is right if it is the same, or the same but for rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.scoring.answers.numbers import states_numbers
from hf_selfdemo.scoring.answers.words import words


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("1,895", "#1895"),
        ("3.50", "#3.5"),
        ("two hundred and five", "#205"),
        ("twenty-five thousand three hundred", "#25300"),
        ("nineteen ninety-five", "#1995"),
        ("nineteen hundred", "#1900"),
        ("1.5 million", "#1500000"),
        ("two dozen", "#24"),
        ("3rd", "#3"),
        ("twenty-first", "#21"),
        ("XLVIII", "#48"),
        ("the 1980s", "#1980s"),
        ("the '80s", "#1980s"),
        ("the eighties", "#1980s"),
    ],
)
def test_one_key_a_numeral(text, key):
    assert [k for k in words(text).keys if k != "the"] == [key]


@pytest.mark.parametrize("text", ["one of them", "no one", "a civil mix", "I did", "seconds"])
def test_what_only_looks_like_a_numeral(text):
    assert not [key for key in words(text).keys if key[0] == "#"]


def test_a_serial_number_keeps_its_figures():
    assert words("9" * 400).keys == ("#" + "9" * 400,)


@pytest.mark.parametrize(
    ("text", "wanted", "right"),
    [
        ("about 2.2 billion", "2.187 billion", True),
        ("2.4 billion", "2.45 billion", True),
        ("2 billion", "2.187 billion", False),
        ("160", "163", False),
        ("12 m", "12.65 m", True),
        ("$137 million", "137", True),
        ("137 million", "137 thousand", False),
        ("300 mg", "200 to 500 mg", True),
        ("300 ml", "200 to 500 mg", False),
        ("94 by 50", "94 by 50 feet", True),
        ("94", "94 by 50 feet", False),
        ("60 euros", "$60", False),
        ("none", "0", False),
    ],
)
def test_amounts(text, wanted, right):
    assert states_numbers(words(text), words(wanted).keys) is right


def test_no_number_is_too_long():
    assert states_numbers(words("9" * 400), words("9" * 400).keys)
    assert not states_numbers(words("9" * 400), words("5 million").keys)
    assert not states_numbers(words("5 million"), words("9" * 5000).keys)


@given(st.integers(0, 10**12))
def test_every_whole_number_states_itself_with_and_without_commas(number):
    assert states_numbers(words(f"{number:,}"), words(str(number)).keys)
