"""A yes or no is told by what a reply says, not by whether it has the word."""

import pytest
from hand_written import pairs

from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.answers.polarity import polar, polarity

# question, accepted answer, right predictions, wrong predictions
TABLE = [
    (
        "Is the Earth flat?",
        "no",
        [
            "The Earth is not flat.",
            "No.",
            "No, it is round.",
            "It isn't flat.",
            "That is false.",
            "The answer is no.",
            "False",
            "Nope",
            "Not at all.",
            "No - the Earth is an oblate spheroid.",
        ],
        ["Yes.", "The Earth is flat.", "Yes, it is flat, no doubt.", "True", "Mars is red."],
    ),
    (
        "Was the tower finished in 1932?",
        "True",
        [
            "Yes, it was finished in 1932.",
            "True.",
            "Yes",
            "It was finished in 1932.",
            "Correct, in 1932.",
            "The statement is true.",
        ],
        ["No.", "It was not finished in 1932.", "No, it was finished in 1933.", "False", "That is not true."],
    ),
    (
        "Are bats birds?",
        "No",
        ["Bats are not birds.", "No, bats are mammals.", "They are not.", "no"],
        ["Yes, bats are birds. There is no doubt.", "Bats are birds."],
    ),
    (
        "Can penguins fly?",
        "no",
        ["Penguins cannot fly.", "They can't fly.", "Penguins are unable to fly."],
        ["Penguins can fly.", "Yes, they can."],
    ),
    (
        "Did he ever win the prize?",
        "yes",
        ["Yes, he did.", "He won the prize in 1999.", "He did win it.", "Indeed he did."],
        ["He never won the prize.", "No."],
    ),
    ("Isn't it true that water boils?", "yes", ["Yes.", "Water boils."], ["No."]),
    ("Is it legal?", "Yes, it is", ["Yes", "It is legal."], ["It is illegal.", "No", "It's not legal."]),
    (
        "Do you need a permit?",
        "Typically, no",
        ["No", "You do not need a permit.", "No, typically not."],
        ["Yes, you need a permit."],
    ),
    ("", "no", ["The Earth is not flat.", "No, never."], ["Yes, no doubt.", "Yes"]),
    ("", "True", ["Yes, it was finished in 1932.", "true"], ["No, it wasn't.", "False"]),
    ("", "yes", ["Yes.", "Yes, it was."], ["No"]),
    ("Which song topped the charts in 1983?", "True", ["True", '"True" by the band'], ["False"]),
    ("What is the symbol of nobelium?", "No", ["No", "The symbol is No."], ["Nb"]),
    ("Is Pluto a planet?", "No", ["Pluto is no longer a planet.", "No, it's a dwarf planet."], ["Yes and no.", "Yes"]),
    (
        "Has the bridge been closed?",
        "false",
        ["The bridge has never been closed.", "No"],
        ["The bridge has been closed.", "Yes"],
    ),
    ("Does the plan cover dental?", "no", ["Nein.", "Non, pas du tout.", "Нет."], ["Ja", "Oui"]),
    ("Is it raining?", "yes", ["Sí, llueve.", "Ja", "はい", "是的"], ["いいえ", "不是"]),
    ("Was it Rome or Paris?", "Rome", ["Rome", "It was Rome."], ["Paris"]),
    ("Do the passages say so?", "no", [], ["I don't know."]),
]


@pytest.mark.parametrize(("question", "answer", "prediction", "right"), pairs(TABLE))
def test_a_yes_or_no_is_what_the_reply_says(question, answer, prediction, right):
    assert answers_match(prediction, [answer], question) is right


def test_a_gold_answer_is_a_yes_or_no_only_where_the_question_can_be_answered_so():
    assert polar("No", "Is it so?") is False and polar("Typically, no", "Is it so?") is False
    assert polar("No", "What is the symbol of nobelium?") is None and polar("non-ferrous", "Is it ferrous?") is None


def test_who_says_neither_says_neither():
    assert polarity("Yes and no.", "Is it so?") is None and polarity("", "Is it so?") is None
