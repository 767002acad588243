"""Replies written before the rules that now read them, and one lot that no rule was made for, keep their figures."""

import json
from pathlib import Path

import pytest

from hf_selfdemo.scoring.label import label_by_match
from hf_selfdemo.scoring.refusal import is_refusal

FRESH = Path(__file__).parents[2] / "benchmarks" / "labelled" / "fresh.jsonl"
ROWS = [json.loads(line) for line in FRESH.read_text("utf-8").splitlines()]


@pytest.mark.parametrize(("lot", "precision", "recall"), [("E", 0.96, 0.94), ("F", 0.96, 0.88), ("G", 0.93, 0.79)])
def test_fresh_replies_are_read_as_well_as_they_were(lot, precision, recall):
    rows = [row for row in ROWS if row["lot"] == lot]
    called = {r["id"] for r in rows if label_by_match(r["text"], r["answers"], r["question"]) == "abstain"}
    refusals = {r["id"] for r in rows if r["label"] == "abstain"}
    assert len(called & refusals) / len(called) >= precision, sorted(called - refusals)
    assert len(called & refusals) / len(refusals) >= recall, len(refusals - called)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The list starts in 1970.", "When was the first race held?"),  # the year is the list's
        ("The table of winners stops at 2007.", "Who won the 2009 cup?"),
        ("The lake is the only lake that the passages name.", "Which lake is the deepest?"),
        ("Only the date of her death (8 May 1999) is in the passages.", "When was Helga Brandt born?"),
        (
            "We know from passage 3 that it was filed in 1909. Whether and when it was granted, we're not told.",
            "What year was the patent granted?",
        ),
        ("The dog's name? That's not something the passages reveal.", "What is the name of the dog?"),
        ("Closing time on weekdays is 9. For Sundays you would have to check.", "When does it close on Sundays?"),
        ("The letter's meaning is never spelled out.", "What does the K stand for?"),
    ],
)
def test_what_is_held_instead_declines(text, question):
    assert is_refusal(text, question)


@pytest.mark.parametrize(
    ("text", "question"),
    [
        ("The list starts in 1970.", "When does the list start?"),  # just this was asked
        ('"Kestrel". The 7 isn\'t explained.', "What does the K stand for?"),
        ("Agnes Rourke, not Mellin, who only computed its orbit.", "Who discovered the comet?"),
        ("Ines Farrow directed it. I don't have information about the producers.", 'Who directed "Low Water"?'),
        ("No award was given that year.", "What award did the project receive?"),
        ("$65. The second model's price is not stated.", "What was the price of the first model?"),
    ],
)
def test_an_answer_with_a_remark_is_an_answer(text, question):
    assert not is_refusal(text, question)
