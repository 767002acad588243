"""Dates in any form, whole or in part, and which of them bear out which."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.scoring.answers.dates import dates, states_dates
from hf_selfdemo.scoring.answers.words import words


def borne_out(text, wanted, question=""):
    return states_dates(words(text).keys, dates(words(wanted).keys), words(question).keys)


@pytest.mark.parametrize("form", ["25 December 2001", "December 25, 2001", "Dec. 25th 2001", "12/25/01", "2001-12-25"])
def test_all_forms_of_a_date_are_one(form):
    assert borne_out(form, "25 December 2001") and borne_out("the 25th of December, 2001", form)


@pytest.mark.parametrize(
    ("text", "wanted", "right"),
    [
        ("8 November 1895", "1895", True),
        ("1895", "8 November 1895", True),
        ("November 1895", "8 November 1895", True),
        ("the 1890s", "8 November 1895", True),
        ("the 19th century", "8 November 1895", False),
        ("1896", "8 November 1895", False),
        ("9 November 1895", "8 November 1895", False),
        ("8 November", "8 November 1895", True),
        ("November", "8 November 1895", True),
        ("8 November 1895", "8 November", True),
        ("in early 1895", "November 1895", False),
        ("in late 1895", "November 1895", True),
        ("the early 1990s", "1996", False),
        ("753 BC", "753 AD", False),
        ("753 BCE", "753 BC", True),
        ("the fifth century BC", "450 BC", False),
        ("450 BC", "the fifth century BC", True),
        ("6 July", "6–14 July", True),
        ("1900", "1899 to 1902", True),
        ("1899 to 1900", "1899 to 1902", False),
        ("It may be so.", "May 1895", False),
        ("no date", "1895", False),
    ],
)
def test_which_date_bears_out_which(text, wanted, right):
    assert borne_out(text, wanted) is right


def test_a_vaguer_date_that_only_repeats_the_question_proves_nothing():
    assert not borne_out("The 2017 season ended late.", "9 December 2017", "when did the 2017 season end")
    assert borne_out("The 2017 season ended on 9 December 2017.", "9 December 2017", "when did the 2017 season end")


def test_a_number_of_many_figures_is_no_date():
    assert not dates(words("7" * 5000).keys)


def test_a_modal_is_no_month():
    assert not dates(words("they may march").keys)
    assert dates(words("in May").keys) and dates(words("March 3").keys)


@given(st.integers(1, 31), st.sampled_from(["May", "March", "July"]), st.integers(32, 2100))
def test_a_day_lies_in_its_year_and_not_the_other_way_round(day, month, year):
    [date] = dates(words(f"{day} {month} {year}").keys)
    [whole] = dates(words(f"{month} {year}").keys)
    assert date.within(whole) and not whole.within(date) and date.within(date)
