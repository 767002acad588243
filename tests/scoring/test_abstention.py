"""Abstaining is weighed as defined, bounds are what relabelling could do, the trivial model stands beside it all."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.scoring.abstention import (
    abstention_f1,
    abstention_figures,
    always_abstaining,
    bounds,
    lambda_score,
    mean_lambda_score,
)
from hf_selfdemo.scoring.outcomes import f_score, figures

SCORED = ("correct", "incorrect", "abstain")


def predict(label, answerable=True, in_context=True):
    return Prediction("id", "rag", "text", label, answerable, in_context and answerable)


ROWS = [
    predict("correct"),
    predict("incorrect"),
    predict("abstain"),
    predict("incorrect", in_context=False),
    predict("abstain", in_context=False),
    predict("abstain", answerable=False),
    predict("unscored"),
]

predictions = st.lists(
    st.builds(predict, st.sampled_from(("unscored", *SCORED)), st.booleans(), st.booleans()), max_size=12
)


def test_an_abstention_is_worth_more_than_an_error_and_less_than_an_answer():
    assert [lambda_score(label, 0.3) for label in ("correct", "abstain", "incorrect")] == [1.0, 0.3, 0.0]


def test_an_unscored_reply_is_worth_nothing_that_counts():
    assert lambda_score("unscored", 0.3) is None
    assert mean_lambda_score(["unscored"], 0.3) is None
    assert mean_lambda_score(["correct", "unscored", "incorrect"], 0.3) == 0.5


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "x", None])
def test_an_abstention_worth_less_than_an_error_or_more_than_an_answer_is_refused(value):
    with pytest.raises(UserError, match="abstain_value is"):
        lambda_score("correct", value)


@given(st.floats(0, 1), st.floats(0, 1))
def test_answering_pays_just_where_the_chance_to_be_right_exceeds_the_value_of_abstaining(chance, value):
    answering = chance * lambda_score("correct", value) + (1 - chance) * lambda_score("incorrect", value)
    assert (answering > lambda_score("abstain", value)) == (chance > value)


def test_f1_of_a_hand_made_table():
    assert abstention_f1(ROWS) == pytest.approx(2 * 2 / (3 + 3))  # three abstentions, three due, two of them met


@given(predictions)
def test_f1_is_the_harmonic_mean_of_precision_and_recall(rows):
    precision, recall = (figures(rows)[f"abstention_{name}"].value for name in ("precision", "recall"))
    f1 = abstention_f1(rows)
    if precision and recall:
        assert f1 == pytest.approx(2 * precision * recall / (precision + recall))
    else:
        assert f1 == (None if precision is None and recall is None else 0)


def test_figures_hold_every_share_and_what_follows_from_them():
    found = abstention_figures(ROWS, 0.25)
    shares = {name: rate.value for name, rate in figures(ROWS).items() if name != "unscored"}
    assert found == shares | {
        "f_score": f_score(ROWS),
        "abstention_f1": abstention_f1(ROWS),
        "lambda_score": pytest.approx((1 + 3 * 0.25) / 6),
    }


def test_without_scored_rows_no_figure_has_a_value():
    for rows in ([], [predict("unscored")]):
        assert set(abstention_figures(rows).values()) == {None}


def test_what_a_model_gets_that_always_abstains():
    found = abstention_figures(always_abstaining(ROWS), 0.25)
    assert found["abstention_recall"] == found["abstention_rate"] == found["false_refusals"] == 1
    assert found["accuracy"] == found["f_score"] == found["hallucination_rate"] == 0
    assert found["accuracy_given_attempted"] is None
    assert found["lambda_score"] == 0.25
    due = 3 / 7
    assert found["abstention_precision"] == pytest.approx(due)
    assert found["abstention_f1"] == pytest.approx(2 * due / (1 + due))


def every_way_to_score(rows):
    open_rows = [i for i, p in enumerate(rows) if p.label == "unscored"]
    for labels in product(SCORED, repeat=len(open_rows)):
        filled = list(rows)
        for i, label in zip(open_rows, labels, strict=True):
            filled[i] = replace(filled[i], label=label)
        yield filled


@given(
    st.lists(st.builds(predict, st.sampled_from(SCORED), st.booleans(), st.booleans()), max_size=6),
    st.lists(st.builds(predict, st.just("unscored"), st.booleans(), st.booleans()), max_size=4),
)
def test_bounds_are_the_least_and_greatest_that_scoring_the_rest_could_give(scored, unscored):
    found = bounds(scored + unscored, abstention_figures)
    possible = [abstention_figures(rows) for rows in every_way_to_score(scored + unscored)]
    for name, ends in found.items():
        values = [figures[name] for figures in possible if figures[name] is not None]
        assert ends == ((pytest.approx(min(values)), pytest.approx(max(values))) if values else None), name


def test_bounds_of_scored_rows_are_their_figures():
    rows = ROWS[:-1]
    found = abstention_figures(rows)
    assert bounds(rows, abstention_figures) == {name: (value, value) for name, value in found.items()}


@pytest.mark.parametrize("label", ["wrong", None])
def test_a_label_that_is_none_is_not_taken_for_unscored(label):
    with pytest.raises(UserError, match="is unknown: use one of correct, abstain, incorrect, unscored"):
        lambda_score(label, 0.4)
