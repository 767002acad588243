"""Intervals: drawing kinds of rows is drawing rows, and 95% intervals hold the truth about 95 times in a hundred."""

import numpy as np
import pytest
from made_up import comparison, drawn, evidence, replies

from hf_selfdemo.evaluation.report.paired import changes
from hf_selfdemo.evaluation.report.resampling import f_interval, percentiles, rates, resampled
from hf_selfdemo.scoring.outcomes import bootstrap, f_score, figures


def counts_of(predictions):
    counts = np.zeros((2, 3), dtype=int)
    for p in predictions:
        counts[int(p.answer_in_context), ("correct", "incorrect", "abstain").index(p.label)] += 1
    return counts


def test_figures_from_counts_are_those_from_rows():
    [column] = comparison(200, ["base"], ["rag"]).columns
    predictions = column.predictions["rag"]
    found, wanted = rates(counts_of(predictions)), figures(predictions)
    shared = found.keys() & wanted.keys()
    assert len(shared) >= 8
    assert {key: float(found[key]) for key in shared} == pytest.approx({key: wanted[key].value for key in shared})
    assert float(found["f_score"]) == pytest.approx(f_score(predictions))


def test_drawing_kinds_of_rows_gives_the_interval_of_drawing_rows():
    rows = evidence(120)
    predictions = replies(rows, drawn(120))
    assert f_interval(predictions) == pytest.approx(bootstrap(f_score, predictions, resamples=2000), abs=0.02)


def test_the_same_seed_draws_the_same():
    predictions = replies(evidence(50), drawn(50))
    assert f_interval(predictions, seed=3) == f_interval(predictions, seed=3) != f_interval(predictions, seed=4)


def test_every_draw_has_as_many_rows():
    draws = resampled(np.array([[3, 0], [4, 5]]), resamples=50)
    assert draws.shape == (50, 2, 2) and set(draws.sum((1, 2))) == {12} and not draws[:, 0, 1].any()


def test_where_there_is_nothing_to_count_there_is_no_interval():
    assert percentiles(np.array([np.nan, np.nan])) is None
    assert f_interval(replies(evidence(2), ["unscored", "unscored"])) is None


def test_intervals_of_changes_hold_the_truth_95_times_in_a_hundred():
    """Models of which the second turns a tenth of the wrong replies right, and a fortieth of the right ones wrong."""
    rows, rng, held, times = evidence(150, passages=0), np.random.default_rng(7), 0, 400
    truth = 0.6 * 0.10 - 0.4 * 0.025
    for _ in range(times):
        before = rng.random(150) < 0.4
        after = np.where(before, rng.random(150) >= 0.025, rng.random(150) < 0.10)
        one, other = (replies(rows, np.where(right, "correct", "incorrect").tolist()) for right in (before, after))
        [change] = [
            c for c in changes(one, other, seed=int(rng.integers(1 << 30)), resamples=500) if c.figure == "accuracy"
        ]
        held += change.interval[0] <= truth <= change.interval[1]
    assert 0.92 <= held / times <= 0.98
