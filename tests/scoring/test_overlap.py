"""Exact match, token F1 and token recall follow SQuAD's definitions; the best of several answers counts."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.scoring.overlap import exact_match, token_f1, token_recall

SCORES = [exact_match, token_f1, token_recall]


@pytest.mark.parametrize(
    ("prediction", "answers", "em", "f1", "recall"),
    [
        ("Paris", ["Paris"], 1, 1, 1),
        ("the PARIS!", ["Paris"], 1, 1, 1),
        ("It is Paris", ["Paris"], 0, 2 / 4, 1),
        ("Paris", ["Paris, France"], 0, 2 / 3, 1 / 2),
        ("Paris", ["Paris, France", "Paris"], 1, 1, 1),
        ("Paris", ["Rome", "London"], 0, 0, 0),
        ("no no", ["no"], 0, 2 / 3, 1),
        ("no", ["no no"], 0, 2 / 3, 1 / 2),
        ("1,895 rays", ["rays of 1895"], 0, 4 / 5, 2 / 3),
    ],
)
def test_scores_by_hand(prediction, answers, em, f1, recall):
    assert [score(prediction, answers) for score in SCORES] == pytest.approx([em, f1, recall])


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("prediction", "answers"), [("", ["Paris"]), ("Paris", []), ("Paris", [""]), ("the", ["a"])])
def test_nothing_to_compare_scores_nothing(score, prediction, answers):
    assert score(prediction, answers) == 0


@pytest.mark.parametrize("score", SCORES)
def test_one_string_for_answers_is_refused(score):
    with pytest.raises(UserError, match="give a list"):
        score("Paris", "Paris")


@given(st.text(), st.lists(st.text(), max_size=4), st.text())
def test_scores_are_shares_and_another_answer_never_lowers_them(prediction, answers, another):
    for score in SCORES:
        assert 0 <= score(prediction, answers) <= score(prediction, [*answers, another]) <= 1


@given(st.text(), st.lists(st.text(), max_size=4))
def test_exact_match_implies_full_f1_and_f1_implies_recall(prediction, answers):
    assert exact_match(prediction, answers) <= token_f1(prediction, answers) + 1e-9
    assert (token_f1(prediction, answers) > 0) == (token_recall(prediction, answers) > 0)


@given(st.text())
def test_every_text_scores_fully_against_itself(text):
    assert all(score(text, [text]) == bool(text.strip()) for score in SCORES)


@pytest.mark.parametrize("score", SCORES)
def test_texts_of_signs_and_articles_are_told_apart(score):
    texts = ["A", "The The", "A+", "🤖", "🙂", "?!", "C", "C++", "C#", "F#", "F", "O-", "O+"]
    assert [[score(one, [other]) == 1 for other in texts] for one in texts] == [[a == b for b in texts] for a in texts]


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(("prediction", "answers"), [(None, ["a"]), (1, ["1"]), ("a", None), ("a", [None])], ids=repr)
def test_what_is_no_text_is_refused(score, prediction, answers):
    with pytest.raises(UserError, match=r"is (None|1|\[None\]): give a"):
        score(prediction, answers)
