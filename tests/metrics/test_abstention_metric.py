"""The metric hands every row to the figures of `scoring` once, with the label and the kind that it has."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.metrics.abstention import score
from hf_selfdemo.metrics.abstention.scorer import FIGURES
from hf_selfdemo.scoring.risk_coverage import aurc, aurc_bounds, e_aurc, risk_coverage

OUTCOMES = ["correct", "abstain", "incorrect", "correct", "unscored", "abstain", "incorrect"]


def test_figures_of_a_hand_made_table(columns):
    found = score(**columns, abstain_value=0.25)
    assert {name: found[name] for name in FIGURES} == pytest.approx(
        {
            "accuracy": 2 / 6,
            "accuracy_answerable": 2 / 4,
            "accuracy_given_attempted": 2 / 4,
            "f_score": 2 * (2 / 6) * (2 / 4) / (2 / 6 + 2 / 4),
            "lambda_score": (2 + 2 * 0.25) / 6,
            "hallucination_rate": 2 / 6,
            "hallucination_unanswerable": 1 / 2,
            "abstention_rate": 2 / 6,
            "abstention_precision": 1 / 2,
            "abstention_recall": 1 / 2,
            "abstention_f1": 1 / 2,
            "false_refusals": 1 / 4,
        }
    )


def test_counts_tell_where_every_row_went(columns):
    found = score(**columns)
    counts = {name: found[name] for name in ("correct", "incorrect", "abstained", "unscored")}
    assert counts == {"correct": 2, "incorrect": 2, "abstained": 2, "unscored": 1}
    assert (found["n"], found["answerable"]) == (7, 5)


def test_the_passages_decide_who_should_answer_where_they_are_told(columns):
    found = score(**columns, answerable=[False] * 7)
    assert (found["answerable"], found["abstention_precision"], found["false_refusals"]) == (0, 1.0, None)


def test_labels_of_another_judge_take_the_place_of_the_match(columns):
    labels = ["abstain", "correct", "unscored", "incorrect", "correct", "correct", "correct"]
    found = score(**columns, labels=labels, rows=True)
    assert [row["outcome"] for row in found["rows"]] == labels
    assert found["unscored"] == 1


def test_unscored_rows_are_in_no_figure_but_in_the_bounds(columns):
    found = score(**columns)
    assert found["bounds"]["accuracy"] == pytest.approx((2 / 7, 3 / 7))
    assert found["bounds"]["false_refusals"] == pytest.approx((1 / 5, 2 / 5))
    assert found["bounds"]["abstention_recall"] == (0.5, 0.5)  # the empty reply should have answered


def test_a_model_that_always_abstains_gets_what_stands_beside_the_figures(columns):
    silent = score(["I don't know."] * 7, columns["references"], confidences=[0.5] * 7)
    beside = score(**columns, confidences=[0.5] * 7)["always_abstain"]
    assert beside == {name: silent[name] for name in (*FIGURES, "aurc", "e_aurc")}
    assert beside["abstention_recall"] == beside["false_refusals"] == 1
    assert beside["aurc"] is beside["accuracy_given_attempted"] is None
    assert beside["abstention_precision"] == pytest.approx(2 / 7)


def test_confidences_add_areas_and_on_request_the_curve(columns):
    confidences = [0.9, 0.1, 0.2, 0.8, 0.5, 0.3, 0.8]
    found = score(**columns, confidences=confidences, curve=True)
    assert found["aurc"] == aurc(OUTCOMES, confidences)
    assert found["e_aurc"] == e_aurc(OUTCOMES, confidences)
    assert found["bounds"]["aurc"] == aurc_bounds(OUTCOMES, confidences)
    assert [tuple(point.values()) for point in found["risk_coverage"]] == risk_coverage(OUTCOMES, confidences)
    assert not {"aurc", "risk_coverage"} & set(score(**columns))
    assert "risk_coverage" not in score(**columns, confidences=confidences)


def test_rows_are_given_when_asked_for(columns):
    assert "rows" not in score(**columns)
    assert [row["outcome"] for row in score(**columns, rows=True)["rows"]] == OUTCOMES


def test_without_rows_there_is_nothing_to_count():
    found = score([], [])
    assert {found[name] for name in FIGURES} == {None}
    assert found["n"] == 0


def test_an_answer_is_unscored_where_one_was_due_and_nobody_knows_which():
    found = score(["Bern", "I don't know.", "Bern"], [[], [], []], answerable=[True, True, False], rows=True)
    assert [row["outcome"] for row in found["rows"]] == ["unscored", "abstain", "incorrect"]
    told = score(["Bern"], [[]], answerable=[True], labels=["correct"])
    assert told["accuracy"] == 1.0, "another judge may know"


def test_blank_references_are_none_and_half_is_what_an_abstention_is_worth():
    assert score(["I don't know."], [[""]])["answerable"] == 0
    assert score(["I don't know."], [["Bern"]])["lambda_score"] == 0.5


def test_a_worth_that_is_no_number_is_named():
    with pytest.raises(UserError, match="abstain_value is 'x': give a number from 0"):
        score(["Bern"], [["Bern"]], abstain_value="x")
