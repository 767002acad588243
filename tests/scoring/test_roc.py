"""The area under the ROC curve is the share of pairs in the right order."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.scoring.roc import area, areas

ROWS = st.lists(st.tuples(st.integers(0, 5), st.booleans(), st.integers(0, 3)), min_size=1, max_size=12)


def by_definition(rows):
    """Every pair by itself; a row counts as often as it is there."""
    pairs = [
        (n * m, (high > low) + 0.5 * (high == low))
        for high, positive, n in rows
        for low, other, m in rows
        if positive and not other
    ]
    total = sum(weight for weight, _ in pairs)
    return sum(weight * won for weight, won in pairs) / total if total else None


@given(ROWS)
def test_it_is_that_of_the_definition_with_ties_and_repeated_rows(rows):
    scores, positive, counts = (np.array(column) for column in zip(*rows, strict=True))
    once = by_definition([(score, kind, 1) for score, kind, _ in rows])
    found = area(scores, positive)
    assert found is None if once is None else np.isclose(found, once)
    [found] = areas(scores, positive, counts[None])
    expected = by_definition(rows)
    assert np.isnan(found) if expected is None else np.isclose(found, expected)


def test_it_is_one_for_a_signal_that_knows_and_a_half_for_one_that_does_not():
    positive = np.array([True, True, False, False])
    assert area(np.array([0.9, 0.8, 0.1, 0.2]), positive) == 1
    assert area(np.array([0.5, 0.5, 0.5, 0.5]), positive) == 0.5
    assert area(np.array([0.9, 0.45, 0.5, 0.4]), positive) == 0.75
    assert area(np.array([]), np.array([], dtype=bool)) is area(np.ones(2), np.ones(2, dtype=bool)) is None
