"""Names that share words with the answer are told from it by their qualifier."""

import pytest

from hf_selfdemo.scoring.answers.namesakes import belongs_to_another, lacks_qualifier, qualified
from hf_selfdemo.scoring.answers.words import words


@pytest.mark.parametrize(
    ("answer", "pair"),
    [
        ("North Korea", ("north", "korea")),
        ("the city of New York", ("new", "york")),
        ("north of Rome", None),
        ("new shoes", None),
        ("Kanye West", None),
    ],
)
def test_a_qualifier_is_one_only_before_a_name(answer, pair):
    assert qualified(*words(answer)) == pair


@pytest.mark.parametrize("text", ["South Korea", "Korea", "in korea"])
def test_a_name_without_its_qualifier_is_another(text):
    assert lacks_qualifier(words(text), ("north", "korea"))


@pytest.mark.parametrize("text", ["North Korea", "N. Korea", "Korea (North)", "Japan"])
def test_a_qualifier_may_stand_anywhere_and_texts_without_the_name_are_not_judged(text):
    assert not lacks_qualifier(words(text), ("north", "korea"))


@pytest.mark.parametrize(("text", "name"), [("New York", "york"), ("in West Virginia", "virginia")])
def test_a_name_within_another_places_is_not_the_place(text, name):
    assert belongs_to_another(words(text), name)


@pytest.mark.parametrize(("text", "name"), [("a new york", "york"), ("West London", "london"), ("York", "york")])
def test_parts_of_a_place_are_the_place(text, name):
    assert not belongs_to_another(words(text), name)
