"""Which names are one person's."""

import pytest

from hf_selfdemo.scoring.answers.names import name_in, names_person, same_given
from hf_selfdemo.scoring.answers.words import words


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        ("Wilhelm Conrad Röntgen", "wilhelm conrad rontgen"),
        ("President John F. Kennedy Jr.", "john f kennedy"),
        ("the German botanist Hugo von Mohl", "hugo von mohl"),
        ("the band Pink Floyd", "pink floyd"),
        ("Madonna", ""),
        ("The Washington Post", ""),
        ("the University of Rome", ""),
        ("Governor of Texas", ""),
        ("one of them", ""),
    ],
)
def test_a_name_without_title_suffix_and_description(answer, name):
    assert " ".join(name_in(*words(answer))) == name


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("George Bush", True),
        ("George H. W. Bush", True),
        ("G. W. Bush", True),
        ("Bush, George", True),
        ("It was President Bush.", True),
        ("the bush", True),
        ("Barbara Bush", False),
        ("Bush Turner", False),
        ("George Washington", False),
        ("George Walker", True),
        ("", False),
    ],
)
def test_which_texts_name_a_person(text, right):
    assert names_person(words(text), ("george", "walker", "bush")) is right


def test_names_that_the_question_has_prove_nothing():
    text = words("It is too early to say who will lead Sri Lanka.")
    assert names_person(text, ("sri", "lanka", "party"))
    assert not names_person(text, ("sri", "lanka", "party"), asked={"sri", "lanka"})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("bill", "william", True),
        ("kate", "catherine", True),
        ("j", "john", True),
        ("ed", "ann", False),
    ],
)
def test_given_names(one, other, same):
    assert same_given(singular_of(one), singular_of(other)) is same


def singular_of(name):
    return "".join(words(name).keys)
