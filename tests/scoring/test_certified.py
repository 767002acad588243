"""Exact binomial bounds, against the tails they are made of."""

import math

import pytest

from hf_selfdemo.scoring.certified import clopper_pearson, passes, rows_needed


def tail(hits, rows, rate):
    """The probability of so few hits, or fewer, by the definition of the binomial distribution."""
    return math.fsum(math.comb(rows, k) * rate**k * (1 - rate) ** (rows - k) for k in range(hits + 1))


@pytest.mark.parametrize(("hits", "rows", "level"), [(0, 30, 0.9), (3, 40, 0.95), (17, 60, 0.8)])
def test_the_upper_bound_is_the_rate_that_makes_so_few_hits_a_surprise(hits, rows, level):
    upper = clopper_pearson("false_refusals", hits, rows, level).upper
    assert tail(hits, rows, upper) == pytest.approx(1 - level)


@pytest.mark.parametrize(("hits", "rows"), [(5, 5), (0, 0)])
def test_nothing_is_bounded_where_every_row_is_a_hit_or_there_is_none(hits, rows):
    assert clopper_pearson("false_refusals", hits, rows, 0.9).upper == 1.0


@pytest.mark.parametrize(("hits", "rows", "limit", "level"), [(2, 50, 0.1, 0.9), (2, 60, 0.1, 0.9), (0, 0, 0.5, 0.9)])
def test_a_limit_is_proven_where_the_tail_is_short_enough(hits, rows, limit, level):
    assert passes(hits, rows, limit, level) is (tail(hits, rows, limit) <= 1 - level)


@pytest.mark.parametrize(("limit", "level"), [(0.1, 0.9), (0.05, 0.95), (0.5, 0.6), (0.01, 0.99)])
def test_fewer_rows_than_needed_prove_nothing(limit, level):
    needed = rows_needed(limit, level)
    assert passes(0, needed, limit, level) and not passes(0, needed - 1, limit, level)
