"""The essential part of an answer, in one sentence, in whatever order."""

import pytest

from hf_selfdemo.scoring.answers.coverage import states_acronym, states_essence, states_squashed
from hf_selfdemo.scoring.answers.expected import expected
from hf_selfdemo.scoring.answers.reading import read


@pytest.mark.parametrize(
    ("text", "answer", "question", "right"),
    [
        ("It is a wall of brick.", "a brick wall", "", True),
        ("They saw brick. It was a wall in the wind.", "brick wall with three windows", "", False),
        ("at the season 5 premiere", "the premiere of season 5", "when was it", True),
        ("at the season 6 premiere", "the premiere of season 5", "when was it", False),
        ("the Kushan Empire", "the Gupta Empire", "", False),
        ("the Gupta Dynasty", "the Gupta Empire", "", True),
        ("Stanford", "Stanford Cardinal", "", True),
        ("They met Stanford there.", "Stanford Cardinal", "", False),
        ("public service and the private sector", "public sector", "which sector is it", True),
        ("the stock market", "public sector", "which sector is it", False),
        ("", "a brick wall", "", False),
    ],
)
def test_enough_of_what_is_telling(text, answer, question, right):
    assert states_essence(read(text), expected(answer, question)) is right


def test_words_of_the_question_have_to_stand_close_together():
    wanted = expected("public sector", "which public sector is it")
    assert states_essence(read("the sector that is public"), wanted)
    assert not states_essence(read("the public thinks that it is in another sector"), wanted)


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("a minigame", "mini-game", True),
        ("Abidali Neem", "Abid Ali Neem", True),
        ("the interplanetary art", "planetary art", False),
        ("to-day", "today", False),
    ],
)
def test_blanks_do_not_count_in_a_long_answer(text, answer, right):
    assert states_squashed(read(text), expected(answer)) is right


@pytest.mark.parametrize(
    ("text", "answer", "right"),
    [
        ("It was FBR.", "Friedman Billings Ramsey", True),
        ("the European Space Agency", "ESA", True),
        ("an fbr", "Friedman Billings Ramsey", False),
        ("the European Union", "ESA", False),
        ("NY", "New York", False),
    ],
)
def test_initials_stand_for_three_words_or_more(text, answer, right):
    assert states_acronym(read(text), expected(answer)) is right
