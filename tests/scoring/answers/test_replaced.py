"""Another word in the place of one of the answer's makes another thing of it."""

import json
from pathlib import Path

import pytest

from hf_selfdemo.scoring.answers.expected import expected
from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.answers.replaced import replaces
from hf_selfdemo.scoring.answers.words import words

SIBLINGS = Path(__file__).parents[3] / "benchmarks" / "labelled"
LET_PASS = 0.1
"""Share of the wrong siblings, and of the right replies beside them, that may be judged wrongly."""


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("right ventricle", "left ventricle"),
        ("right ventricle", "It is pumped by the left ventricle into the aorta, the largest artery of the body."),
        ("right ventricle", "the right atrium"),
        ("sodium chloride", "potassium chloride"),
        ("New York Times", "New York Post"),
        ("New York Times", "the Boston Times"),
        ("Mars 2", "Luna 2"),
        ("anterior cruciate ligament", "posterior cruciate ligament"),
        ("off the coast of Norway", "off the coast of Scotland"),
        ("Manchester United", "Manchester City"),
        ("Los Angeles Lakers", "The Los Angeles Clippers won in the end, as nobody had thought before that night."),
        ("Swan Lake", "Swan Song"),
        ("1st Infantry Division", "4th Infantry Division"),
        ("Nigeria", "Niger"),
        ("indirect rule", "direct rule"),
    ],
)
def test_a_different_word_in_the_same_slot_is_a_different_thing(answer, text):
    assert replaces(words(text), expected(answer))
    assert not answers_match(text, [answer])


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("right ventricle", "right ventricle"),
        ("right ventricle", "the ventricle on the right"),
        ("the New York Times", "the Times"),
        ("the Gupta Empire", "the Gupta Dynasty"),
        ("the drama series Gunsmoke", "the western series Gunsmoke"),
        ("Panzerkampfwagen VIII Maus", "Panzer VIII Maus"),
        ("beneath the liver", "below the liver"),
        ("hardships of growing older", "effects of growing older"),
        ("54 Mbit", "54 Mbps"),
        ("Manchester United", "Manchester City, Manchester United"),
        ("N. Korea", "North Korea"),
        ("the Pauli exclusion principle", "the Pauli principle"),
        (
            "tropical desert climate",
            "Dubai has a hot desert climate, with very little rain and warm winters by the sea.",
        ),
    ],
)
def test_a_word_left_out_or_paraphrased_is_not_replaced(answer, text):
    assert not replaces(words(text), expected(answer))


def test_words_of_the_question_replace_nothing():
    assert replaces(words("hip joint"), expected("synovial joint"))
    assert not replaces(words("hip joint"), expected("synovial joint"), asked=["hip"])


@pytest.mark.parametrize("half", ["tune", "report"])
def test_siblings_are_told_apart_and_other_words_for_the_same_are_not(half):
    rows = [json.loads(line) for line in (SIBLINGS / f"siblings.{half}.jsonl").read_text("utf-8").splitlines()]
    for label in ("correct", "incorrect"):
        kept = [row for row in rows if row["label"] == label]
        right = [answers_match(row["text"], row["answers"], row["question"]) is (label == "correct") for row in kept]
        assert len(right) > 100 and right.count(False) <= LET_PASS * len(right)
