"""What people read as the same word has one canonical form."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.scoring.answers.tokens import BREAK, in_a_row
from hf_selfdemo.scoring.answers.words import fold, misspelt, root, singular, words


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("The cities’ boxes", "the city box"),
        ("J. K. Rowling, J.K. Rowling", "jk rowling jk rowling"),
        ("the U.S., the US, the United States of America", "the usa the usa the usa of usa"),
        ("South America", "southamerica"),
        ("Canton, OH", "canton ohio"),
        ("oh no", "oh no"),
        ("5 km/h and 5 kmh", "#5 kilometre hour and #5 kilometre hour"),
        ("12 m by G. Hannelius", "#12 metre by g hannelius"),
        ("L.A. and La Rosa", "los angele and la rosa"),
        ("at 7:00 a.m.", "at #7 am"),
        ("Lord's, d'Abo", "lord dabo"),
        ("Røros, Łódź, Ægir", "roro lodz aegir"),
        ("rays[1][^2^] were ^3^ **new**¹", "ray were new"),
        ("12/25/2001 25/12/2001 2001-12-25", "december #25 #2001 " * 3),
        ("1632–53, 6-14", "#1632 to #1653 #6 to #14"),
        ("Re\N{COMBINING ACUTE ACCENT}al", "real"),
        ("東京", "東 京"),
        ("½ 1/2 one half", "half half half"),
        ("-5 −5 minus 5 3-5", "#-5 #-5 #-5 #3 to #5"),
        ("16:30 16:00 13:34", "#4 #30 pm #4 pm #13 #34"),
        ("H₂O H2O", "h #2 o h #2 o"),
    ],
)
def test_canonical_words(text, keys):
    assert " ".join(words(text).keys) == keys.strip()


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It was so. It is not.", 2),
        ("Dr. No met J. F. Kennedy at St. Louis.", 1),
        ("It is 3.14 or so", 1),
        ("one\ntwo; three! four?", 4),
    ],
)
def test_sentences_end_where_they_should(text, sentences):
    keys = words(text).keys
    assert keys.count(BREAK) + (keys[-1] != BREAK) == sentences


def test_a_row_leaves_articles_out():
    assert in_a_row(["the", "end"]) == " end " and in_a_row(["the"]) == " "


@pytest.mark.parametrize(("one", "other"), [("erupt", "eruptions"), ("Italian", "Italy"), ("alchemy", "alchemical")])
def test_derived_words_share_a_root(one, other):
    assert root(fold(one)) == root(fold(other))


@pytest.mark.parametrize(("one", "other"), [("cat", "car"), ("planet", "plane"), ("iran", "iraq"), ("glass", "gas")])
def test_different_words_do_not(one, other):
    assert root(one) != root(other)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("gatimaan", "gatiman", True),
        ("jonathan", "jonathon", True),
        ("johansen", "johasnen", True),
        ("karnak", "karnac", False),
        ("austria", "australia", False),
        ("stephens", "atephens", False),
    ],
)
def test_a_letter_more_or_less_in_a_long_word(one, other, same):
    assert misspelt(one, other) is same and misspelt(other, one) is same


@given(st.text())
def test_words_and_keys_stand_in_the_same_places(text):
    found = words(text)
    assert len(found.raw) == len(found.keys) and all(found.keys)


@given(st.text(st.characters(categories=["Ll"]), min_size=1))
def test_the_singular_and_the_root_of_a_word_are_no_longer_than_it(word):
    assert len(root(word)) <= len(singular(word)) <= len(word)
