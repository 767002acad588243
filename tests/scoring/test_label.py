"""Every reply has one outcome; being right comes before declining, and what is declined is never what is right."""

import pytest

from hf_selfdemo.core.errors import UserError
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


@pytest.mark.parametrize(
    ("question", "answer", "text"),
    [
        (
            "who wrote beloved",
            "Toni Morrison",
            "Toni Morrison wrote Beloved. Please note that the context gives no date.",
        ),
        (
            "who directed the film",
            "Carol Reed",
            "Carol Reed directed it. However, the passages do not name the producer.",
        ),
        ("when was the bridge opened", "1932", "The bridge was opened in 1932. The passages do not say on which day."),
        ("where is the museum", "Lyon", "The museum is in Lyon, but the text does not give the street."),
        ("who leads Graz", "Eva Holm", "Passages 1 and 3 do not mention a mayor. Passage 2 says Eva Holm leads Graz."),
        (
            "what is the capital of Fiji",
            "Suva",
            "The capital of Fiji is Suva. I don't have information on its population.",
        ),
        ("how does it end", "the hero leaves", "The hero leaves. We are not told where he goes."),
        ("who is the author", "Mary Poll", "The author is Mary Poll. However, I can't verify this."),
        (
            "what does NULL mean",
            "the value is unknown",
            "A cell may be empty, so NULL means that the value is unknown.",
        ),
        ("which language is it in", "Aramaic", "It is in Aramaic. The first page is lost, and its author is unknown."),
    ],
)
def test_an_answer_that_states_the_gold_and_remarks_is_correct(question, answer, text):
    assert label_by_match(text, [answer], question) == "correct"


@pytest.mark.parametrize(
    ("question", "answer", "text"),
    [
        (
            "what is the largest city of France",
            "Paris",
            "The passages do not mention whether Paris is the largest city.",
        ),
        ("is Paris or Lyon older", "Paris", "The passages do not say whether Paris or Lyon is older."),
        ("who won, Ajax or Milan", "Ajax", "Ajax and Milan played in the final. The passages do not say who won."),
        ("when did Ada Storm die", "1912", "Ada Storm was born in 1912. The passages do not say when she died."),
        ("where was Ada Storm born", "Graz", "Ada Storm lived in Graz. The passages do not say where she was born."),
        ("in which town was it shot", "Ronda", "According to passage 2, it was shot in Spain, but not in which town."),
        ("when did she move", "1912", "Passage 4 says that she moved to Berlin. It doesn't say when."),
        ("who founded the firm", "Eva Holm", "The firm was founded in Ohio, but the name of its founder is not given."),
        ("who wrote it", "Eva Holm", "The passages do not say who wrote it. It was printed in 1901."),
    ],
)
def test_a_reply_that_declines_what_was_asked_abstains_whatever_else_it_states(question, answer, text):
    assert label_by_match(text, [answer], question) == "abstain"


def test_a_wrong_answer_with_a_remark_is_incorrect():
    text = "Carol Reed directed the film. However, the passages do not say when it was shot."
    assert label_by_match(text, ["Orson Welles"], "who directed the film") == "incorrect"
