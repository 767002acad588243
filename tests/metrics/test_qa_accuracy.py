"""Accuracy is over rows with an answer, an abstention is no wrong answer, and empty replies are not scored."""

import pytest

from hf_selfdemo.metrics.qa_accuracy import score
from hf_selfdemo.metrics.qa_accuracy.scorer import FIGURES


def test_figures_of_a_hand_made_table(columns):
    found = score(**columns)
    assert {name: found[name] for name in FIGURES} == pytest.approx(
        {"exact_match": 1 / 4, "f1": (0.5 + 0 + 1 + 0.5) / 4, "containment": 2 / 4, "match": 2 / 4}
    )
    assert {name: found[f"{name}_attempted"] for name in FIGURES} == pytest.approx(
        {"exact_match": 1 / 3, "f1": (0.5 + 1 + 0.5) / 3, "containment": 2 / 3, "match": 2 / 3}
    )


def test_counts_tell_where_every_row_went(columns):
    found = score(**columns)
    counts = {name: found[name] for name in ("attempted", "abstained", "unscored", "unanswerable")}
    assert counts == {"attempted": 3, "abstained": 1, "unscored": 1, "unanswerable": 2}
    assert found["n"] == sum(counts.values()) == len(columns["predictions"])


def test_the_best_of_several_references_counts():
    for reference in ("Bern", "Berne", "the federal city"):
        assert score([reference], [["Bern", "Berne", "federal city"]])["exact_match"] == 1


def test_an_abstention_is_no_wrong_answer():
    one = score(["Bern", "I don't know."], [["Bern"], ["Oslo"]])
    assert (one["match"], one["match_attempted"], one["abstained"]) == (0.5, 1.0, 1)
    wrong = score(["Bern", "Basel"], [["Bern"], ["Oslo"]])
    assert (wrong["match"], wrong["match_attempted"], wrong["abstained"]) == (0.5, 0.5, 0)


def test_an_abstention_gets_no_credit_for_words_it_shares_with_the_answer():
    found = score(["I do not know who wrote The Wall."], [["The Wall"]])
    assert {name: found[name] for name in FIGURES} == dict.fromkeys(FIGURES, 0.0)


def test_unscored_replies_are_in_no_figure_but_in_the_bounds(columns):
    found = score(**columns)
    assert found["bounds"]["match"] == pytest.approx((2 / 5, 3 / 5))
    assert found["bounds"]["match_attempted"] == pytest.approx((2 / 4, 3 / 4))
    scored = score(["Bern"], [["Bern"]])
    assert scored["bounds"]["match"] == (scored["match"],) * 2


def test_what_a_model_gets_that_always_abstains(columns):
    nothing = {**dict.fromkeys(FIGURES, 0.0), **{f"{name}_attempted": None for name in FIGURES}}
    assert score(**columns)["always_abstain"] == nothing
    silent = score(["I don't know."] * 7, columns["references"])
    assert {name: silent[name] for name in nothing} == nothing


@pytest.mark.parametrize("columns", [{"predictions": [], "references": []}, {"predictions": ["x"], "references": [[]]}])
def test_without_answers_there_is_nothing_to_count(columns):
    found = score(**columns)
    assert {found[name] for name in FIGURES} == {None}
    assert set(found["bounds"].values()) == {None}


def test_rows_are_given_when_asked_for_and_make_the_figures(columns):
    assert "rows" not in score(**columns)
    found = score(**columns, rows=True)
    rows = found["rows"]
    assert [row["outcome"] for row in rows] == [
        "correct",
        "abstain",
        "incorrect",
        "correct",
        "unscored",
        "abstain",
        "incorrect",
    ]
    assert [row["answerable"] for row in rows] == [True, True, False, True, True, False, True]
    for name in FIGURES:
        values = [row[name] for row in rows if row[name] is not None]
        assert sum(values) / len(values) == pytest.approx(found[name])
        assert len(values) == found["attempted"] + found["abstained"]
