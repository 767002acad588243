"""Neither what an aside denies or leaves open nor broken lines and letters hide an answer."""

import pytest
from hand_written import pairs

from hf_selfdemo.scoring.answers.match import answers_match

# question, accepted answer, right predictions, wrong predictions
TABLE = [
    (
        "Who discovered it?",
        "James Chadwick",
        [
            "The scientist who discovered it in 1932 (not 1934) was James Chadwick.",
            "It was none other than James Chadwick.",
            "The neutron, which does not carry charge, was discovered by James Chadwick.",
            "James Chadwick (not to be confused with Edwin Chadwick) discovered it.",
            "James Chadwick, who never married, discovered it.",
            "Not until 1932 did James Chadwick discover it.",
            "It was no one but James Chadwick.",
            "Although he did not know it, James Chadwick had found it.",
            "He was not alone: James Chadwick had help.",
            "The particle - not yet named - was found by James Chadwick.",
        ],
        [
            "It was not James Chadwick.",
            "It was Rutherford (not James Chadwick).",
            "It was Bothe, not James Chadwick, who found it.",
        ],
    ),
    (
        "What does a tadpole become?",
        "a frog",
        [
            "A tadpole becomes a frog (or a toad, depending on the species).",
            "A tadpole turns into a frog, a toad, or a newt.",
            "A frog (or toad).",
        ],
        ["frog, toad, newt or fish", "It may be a frog, a fish or a newt."],
    ),
    (
        "When was it?",
        "1912",
        ["It opened in 1912 (some say 1913 or 1914).", "In 1912, give or take a year or two."],
        ["1912, 1913 or 1914"],
    ),
    ("Who is it?", "Müller", ["M\xadül\xadler", "MÃ¼ller", "It was M\u200büller."], []),
    (
        "Which paper?",
        "New York Times",
        ["New\nYork Times", "the New York\nTimes", "New Yo\xadrk Times"],
        ["New\nYork Post"],
    ),
    ("What is it?", "electromagnetic induction", ["electro-\nmagnetic induction"], ["electro-\nstatic induction"]),
    ("Which word is it?", "don't panic", ["donâ€™t panic"], ["panic"]),
    ("Who sang it?", "Simon and Garfunkel", ["- Simon\n- Garfunkel", "1. Simon\n2. Garfunkel"], ["- Simon"]),
    (
        "What is the capital?",
        "Paris",
        ["- Paris"],
        ["- Paris\n- Lyon\n- Rome\n- Bern\n- Oslo\n- Lima", "1. Lyon\n2. Paris\n3. Rome\n4. Bern\n5. Oslo"],
    ),
]


@pytest.mark.parametrize(("question", "answer", "prediction", "right"), pairs(TABLE))
def test_an_answer_stands_beside_its_asides_and_through_broken_text(question, answer, prediction, right):
    assert answers_match(prediction, [answer], question) is right
