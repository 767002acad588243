"""Every reply has one outcome, and declining comes before being right."""

import pytest

from hf_selfdemo.errors import UserError
from hf_selfdemo.scoring.label import label_by_match


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("It opened on Dec 25th, 2001.", "correct"),
        ("It opened in 2002.", "incorrect"),
        ("I don't know when it opened.", "abstain"),
        ("I don't know if it was 25 December 2001.", "abstain"),
        ("", "unscored"),
        (" \n", "unscored"),
    ],
)
def test_a_reply_has_the_outcome_that_people_would_give_it(text, label):
    assert label_by_match(text, ("25 December 2001",), "When did it open?") == label


def test_without_an_answer_a_reply_is_incorrect_or_abstains():
    assert [label_by_match(text, ()) for text in ("Bern", "I don't know.")] == ["incorrect", "abstain"]


@pytest.mark.parametrize(
    ("text", "answers", "message"),
    [
        (None, ["a"], "the reply is None"),
        (1, ["1"], "the reply is 1"),
        ("a", None, "answers is None"),
        ("a", "a", "answers is 'a'"),
        ("a", [1], r"answers is \[1\]"),
    ],
)
def test_what_is_no_text_is_refused(text, answers, message):
    with pytest.raises(UserError, match=message):
        label_by_match(text, answers)


def test_answers_may_come_in_a_list():
    assert label_by_match("It is Bern.", ["Bern"]) == "correct"
