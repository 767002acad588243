"""Matches are as equal as can be, and everybody is in one."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hf_selfdemo.judging.brackets import brackets, elect, rotations, rounds


@given(entrants=st.lists(st.integers(), max_size=60, unique=True), size=st.integers(2, 9))
def test_everybody_plays_once_in_matches_of_nearly_equal_size(entrants, size):
    matches = brackets(entrants, size)
    assert list(itertools.chain(*matches)) == entrants
    sizes = {len(match) for match in matches}
    assert max(sizes, default=0) <= size
    assert max(sizes, default=0) - min(sizes, default=0) <= 1
    assert len(matches) == -(-len(entrants) // size)


@given(entrants=st.integers(0, 200), size=st.integers(2, 9))
def test_rounds_are_those_that_are_played(entrants, size):
    field, played = list(range(entrants)), 0
    while len(field) > 1:
        field, played = [match[0] for match in brackets(field, size)], played + 1
    assert rounds(entrants, size) == played


@given(match=st.lists(st.integers(), min_size=1, max_size=9, unique=True), orders=st.integers(1, 12))
def test_orders_differ_and_with_one_each_everybody_is_once_in_every_position(match, orders):
    shown = rotations(match, orders)
    assert shown[0] == match
    assert len(shown) == min(orders, len(match))
    assert len(set(map(tuple, shown))) == len(shown)
    if orders >= len(match):
        assert all(sorted(position) == sorted(match) for position in zip(*shown, strict=True))


def test_scores_are_added_up_over_ballots():
    assert elect([1, 2], [{1: -0.1, 2: -0.2}, {1: -3.0, 2: -0.1}]) == 2


@pytest.mark.parametrize("match", list(itertools.permutations([4, 7, 2])))
def test_equals_go_to_the_earlier_whatever_the_rounding(match):
    by_position = (-0.1, -0.2, -0.3)  # 0.1 + 0.2 + 0.3 is not 0.3 + 0.1 + 0.2
    ballots = [dict(zip(order, by_position, strict=True)) for order in rotations(match, 3)]
    assert elect(match, ballots) == match[0]


def test_without_a_ballot_nobody_is_elected():
    assert elect([1, 2], []) is None
