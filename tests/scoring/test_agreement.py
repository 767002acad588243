"""A judge's agreement with people: the published examples, unscored rows in no figure, and exact bounds."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.scoring.agreement import agreement, agreement_bounds, cohen_kappa
from hf_selfdemo.scoring.outcomes import Rate

LABELS = ("correct", "incorrect", "abstain", "unscored")


def table(both, first, second, neither):
    """Two raters' verdicts from a two-by-two table of counts."""
    pairs = [(True, True)] * both + [(True, False)] * first + [(False, True)] * second + [(False, False)] * neither
    return [a for a, _ in pairs], [b for _, b in pairs]


@pytest.mark.parametrize(
    ("counts", "kappa"),
    [((20, 5, 10, 15), 0.4), ((45, 15, 25, 15), 0.1304), ((25, 35, 5, 35), 0.2593), ((10, 0, 0, 10), 1.0)],
)
def test_kappa_of_worked_examples(counts, kappa):
    assert cohen_kappa(*table(*counts)) == pytest.approx(kappa, abs=5e-5)


def test_kappa_takes_any_number_of_categories():
    assert cohen_kappa(["correct", "abstain", "incorrect"], ["correct", "abstain", "incorrect"]) == 1
    assert cohen_kappa("aabbcc", "abbcca") == pytest.approx(0.25)


def test_kappa_is_undefined_where_both_always_say_one_thing():
    assert cohen_kappa([True, True], [True, True]) is None
    assert cohen_kappa([], []) is None


def test_a_judge_that_always_says_one_thing_agrees_no_better_than_chance():
    assert cohen_kappa([True] * 4, [True, True, True, False]) == 0


def test_figures_of_a_hand_made_table():
    said = ["correct", "correct", "incorrect", "abstain", "abstain", "unscored"]
    people = [True, False, True, False, True, True]
    found = agreement(said, people)
    assert (found.accuracy, found.precision, found.recall) == (Rate(2, 5), Rate(1, 2), Rate(1, 3))
    assert found.unscored == Rate(1, 6)
    assert found.kappa == cohen_kappa([True, True, False, False, False], people[:5])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(LABELS[:3]), st.booleans()), max_size=6),
    st.lists(st.booleans(), max_size=4),
)
def test_bounds_are_the_least_and_greatest_that_scoring_the_rest_could_give(scored, unscored):
    said, people = [label for label, _ in scored], [right for _, right in scored] + unscored
    worst, best = agreement_bounds([*said, *["unscored"] * len(unscored)], people)
    possible = [agreement([*said, *rest], people) for rest in product(LABELS[:2], repeat=len(unscored))]
    for name in ("accuracy", "precision", "recall"):
        values = [v for found in possible if (v := getattr(found, name).value) is not None]
        ends = [v for end in (worst, best) if (v := getattr(end, name).value) is not None]
        assert not values or (min(ends), max(ends)) == (min(values), max(values)), name
    kappas = [found.kappa for found in possible if found.kappa is not None]
    ends = [end.kappa for end in (worst, best) if end.kappa is not None]
    assert not ends or (min(ends), max(ends)) == (pytest.approx(min(kappas)), pytest.approx(max(kappas)))


def test_lengths_that_differ_are_refused():
    with pytest.raises(UserError, match="1 labels, but 2 verdicts"):
        agreement(["correct"], [True, False])


@pytest.mark.parametrize("bad", [None, "yes", "incorrect"])
def test_a_verdict_that_is_none_is_named(bad):
    with pytest.raises(UserError, match=r"people\[1\] is"):
        agreement(["correct", "correct"], [True, bad])


@pytest.mark.parametrize("judge", [agreement, agreement_bounds])
def test_a_label_that_is_none_is_named(judge):
    with pytest.raises(UserError, match=r"said\[1\] is 'right': give one of correct, incorrect, abstain, unscored"):
        judge(["correct", "right"], [True, True])
