"""The risk-coverage curve and its areas are what their definitions say, whatever the order of tied rows."""

import math
from itertools import pairwise, permutations
from statistics import mean

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.scoring.risk_coverage import Point, aurc, aurc_bounds, e_aurc, risk_coverage

LABELS = ("correct", "incorrect", "abstain", "unscored")
attempts = st.lists(st.tuples(st.sampled_from(LABELS[:2]), st.sampled_from((0.1, 0.5, 0.9))), min_size=1, max_size=6)
rows = st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from((0.1, 0.5, 0.9))), max_size=12)


def by_definition(pairs):
    """The mean selective risk over k, and its mean over all orders that the confidences allow."""
    areas = []
    for order in permutations(pairs):
        if any(a[1] < b[1] for a, b in pairwise(order)):
            continue
        wrong = [label == "incorrect" for label, _ in order]
        areas.append(mean(sum(wrong[:k]) / k for k in range(1, len(wrong) + 1)))
    return mean(areas)


def columns(pairs):
    return [label for label, _ in pairs], [confidence for _, confidence in pairs]


@settings(max_examples=50, deadline=None)
@given(attempts)
def test_the_area_is_its_definition_averaged_over_the_orders_of_ties(pairs):
    assert aurc(*columns(pairs)) == pytest.approx(by_definition(pairs))


@settings(max_examples=50, deadline=None)
@given(attempts)
def test_the_excess_is_what_lies_above_the_best_order(pairs):
    labels, confidences = columns(pairs[:4])
    best = min(by_definition(list(zip(labels, order, strict=True))) for order in permutations(range(len(labels))))
    assert e_aurc(labels, confidences) == pytest.approx(aurc(labels, confidences) - best, abs=1e-12)


def test_for_many_rows_the_best_area_is_the_formula_of_the_paper():
    labels, error = ["correct"] * 7000 + ["incorrect"] * 3000, 0.3
    perfect = aurc(labels, [float(label == "correct") for label in labels])
    assert perfect == pytest.approx(error + (1 - error) * math.log(1 - error), abs=1e-3)
    assert e_aurc(labels, list(range(10000, 0, -1))) == 0


@given(rows)
def test_a_confidence_that_tells_nothing_gets_the_error_rate(pairs):
    labels, _ = columns(pairs)
    attempted = [label == "incorrect" for label in labels if label in LABELS[:2]]
    area = aurc(labels, [0.7] * len(labels))
    assert area == (pytest.approx(mean(attempted)) if attempted else None)


@given(rows, st.randoms())
def test_neither_curve_nor_area_depends_on_the_order_of_rows(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    assert risk_coverage(*columns(pairs)) == risk_coverage(*columns(shuffled))
    assert aurc(*columns(pairs)) == pytest.approx(aurc(*columns(shuffled)))


def test_the_curve_has_one_point_a_confidence_and_ends_where_the_model_abstains():
    labels = ["correct", "incorrect", "correct", "abstain", "unscored"]
    assert risk_coverage(labels, [0.9, 0.5, 0.5, 0.99, 0.99]) == [Point(0.9, 0.25, 0.0), Point(0.5, 0.75, 1 / 3)]


@given(rows)
def test_the_curve_ends_at_the_share_attempted_and_its_error_rate(pairs):
    labels, confidences = columns(pairs)
    wrong, right = labels.count("incorrect"), labels.count("correct")
    points = risk_coverage(labels, confidences)
    assert bool(points) == bool(wrong + right)
    if points:
        scored = len(labels) - labels.count("unscored")
        assert points[-1][1:] == (pytest.approx((wrong + right) / scored), pytest.approx(wrong / (wrong + right)))


def test_a_model_that_always_abstains_has_no_curve_and_no_area():
    labels, confidences = ["abstain", "abstain"], [0.1, None]
    assert risk_coverage(labels, confidences) == []
    assert aurc(labels, confidences) is e_aurc(labels, confidences) is aurc_bounds(labels, confidences) is None


@settings(deadline=None)
@given(rows)
def test_bounds_hold_whatever_unscored_attempts_would_have_been(pairs):
    labels, confidences = columns(pairs[:9])
    ends = aurc_bounds(labels, confidences)
    for filler in LABELS[:2]:
        area = aurc([filler if label == "unscored" else label for label in labels], confidences)
        assert (area is None and ends is None) or ends[0] - 1e-12 <= area <= ends[1] + 1e-12


@pytest.mark.parametrize("bad", [None, "sure", float("nan")])
def test_a_confidence_that_is_no_number_is_named(bad):
    with pytest.raises(UserError, match=r"confidences\[1\] is"):
        aurc(["correct", "incorrect"], [0.5, bad])


def test_as_many_confidences_as_rows():
    with pytest.raises(UserError, match="2 rows have 1 confidences"):
        risk_coverage(["correct", "abstain"], [0.5])
