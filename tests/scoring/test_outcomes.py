"""The figures are the shares that their names say, unscored rows are in none of them, and intervals hold the value."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.scoring.outcomes import Rate, bootstrap, f_score, figures, unscored_bounds


def predict(label, answerable=True, in_context=True):
    return Prediction("id", "rag", "text", label, answerable, in_context)


ROWS = [
    predict("correct"),
    predict("correct"),
    predict("incorrect"),
    predict("abstain"),
    predict("correct", in_context=False),
    predict("incorrect", in_context=False),
    predict("abstain", in_context=False),
    predict("abstain", answerable=False, in_context=False),
    predict("incorrect", answerable=False, in_context=False),
    predict("abstain", answerable=False, in_context=False),
    predict("unscored"),
    predict("unscored", answerable=False, in_context=False),
]


@pytest.mark.parametrize(
    ("name", "hits", "total"),
    [
        ("accuracy", 3, 10),
        ("hallucination_rate", 3, 10),
        ("abstention_rate", 4, 10),
        ("accuracy_given_attempted", 3, 6),
        ("accuracy_answerable", 3, 7),
        ("accuracy_in_context", 2, 4),
        ("hallucination_not_in_context", 2, 6),
        ("abstention_precision", 3, 4),
        ("abstention_recall", 3, 6),
        ("abstention_recall_unanswerable", 2, 3),
        ("false_refusals", 1, 4),
        ("unscored", 2, 12),
    ],
)
def test_figures_of_a_hand_made_table(name, hits, total):
    assert figures(ROWS)[name] == Rate(hits, total)


def test_the_table_above_names_every_figure():
    marks = [m for m in test_figures_of_a_hand_made_table.pytestmark if m.name == "parametrize"]
    assert {name for name, *_ in marks[0].args[1]} == set(figures(ROWS))


def test_no_predictions_give_no_values():
    assert all(rate.value is None and rate.interval is None for rate in figures([]).values())


def test_f_score():
    assert f_score(ROWS) == pytest.approx(2 * 0.3 * 0.5 / 0.8)
    assert f_score([]) == 0.0
    assert f_score([predict("correct")]) == 1.0


@given(st.integers(1, 10**6).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total))))
def test_an_interval_holds_its_value_and_stays_a_share(counts):
    rate = Rate(*counts)
    low, high = rate.interval
    assert 0 <= low <= rate.value <= high <= 1


@pytest.mark.parametrize(
    ("hits", "total", "low", "high"),
    [(5, 10, 0.2366, 0.7634), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_wilson_intervals_as_published(hits, total, low, high):
    assert Rate(hits, total).interval == pytest.approx((low, high), abs=5e-5)


def test_bootstrap_repeats_by_seed_and_holds_the_value():
    low, high = bootstrap(f_score, ROWS * 5, seed=3, resamples=200)
    assert (low, high) == bootstrap(f_score, ROWS * 5, seed=3, resamples=200)
    assert (low, high) != bootstrap(f_score, ROWS * 5, seed=4, resamples=200)
    assert low < f_score(ROWS * 5) < high


def test_bootstrap_resamples_columns_in_pairs():
    def difference(first, second):
        return f_score(first) - f_score(second)

    assert bootstrap(difference, ROWS, list(ROWS), resamples=50) == (0.0, 0.0)


@pytest.mark.parametrize("columns", [(), ([],), ([], []), (ROWS, ROWS[:-1])])
def test_bootstrap_refuses_columns_that_are_no_pairs(columns):
    with pytest.raises(ValueError, match="same, non-zero length"):
        bootstrap(f_score, *columns)


def test_unscored_rows_widen_the_bounds():
    assert unscored_bounds(ROWS, "correct") == (3 / 12, 5 / 12)
    assert unscored_bounds(ROWS[:10], "correct") == (0.3, 0.3)
    assert unscored_bounds([], "correct") == (0.0, 1.0)
