"""What was planted is found: which rows changed, by how much, and nothing else."""

import itertools
import math
from dataclasses import replace
from fractions import Fraction

import pytest
from made_up import drawn, evidence, moved, replies

from hf_selfdemo.evaluation.report.paired import GROUPS, LABELS, change_of, changes, mcnemar, transitions


@pytest.fixture
def before():
    return replies(evidence(1000), drawn(1000))


@pytest.fixture
def after(before):
    """Sixty hallucinations become abstentions, and twenty-five wrong answers right ones."""
    declining = moved(before, "incorrect", "abstain", 60, in_context=False)
    return moved(declining, "incorrect", "correct", 25, in_context=True)


def test_planted_shifts_are_recovered_and_nothing_else(before, after):
    rows = {group: sum(int(p.answer_in_context) in sides for p in before) for group, sides in GROUPS.items()}
    found = {change.figure: change for change in changes(before, after)}
    planted = {
        "accuracy": 25 / rows["all"],
        "hallucination_rate": -85 / rows["all"],
        "abstention_rate": 60 / rows["all"],
        "accuracy_in_context": 25 / rows["in_context"],
        "hallucination_in_context": -25 / rows["in_context"],
        "false_refusals": 0,
        "accuracy_not_in_context": 0,
        "hallucination_not_in_context": -60 / rows["not_in_context"],
        "abstention_recall": 60 / rows["not_in_context"],
    }
    assert {name: found[name].change for name in planted} == pytest.approx(planted)
    for name, change in found.items():
        low, high = change.interval
        assert low <= change.change <= high and change.bounds is None
        if planted.get(name) == 0:
            assert (low, high, change.gained, change.lost, change.p) == (0, 0, 0, 0, 1)
        else:
            assert low * high > 0 and (change.p is None or change.p < 1e-6), name
    assert (found["hallucination_rate"].gained, found["hallucination_rate"].lost) == (0, 85)
    assert found["accuracy_given_attempted"].change > 0 and found["f_score"].change > 0


def test_transitions_are_the_planted_ones(before, after):
    found = transitions(before, after)
    assert found["not_in_context"]["incorrect"]["abstain"] == found["all"]["incorrect"]["abstain"] == 60
    assert found["in_context"]["incorrect"]["correct"] == found["all"]["incorrect"]["correct"] == 25
    elsewhere = [found["all"][b][a] for b, a in itertools.permutations(LABELS, 2) if b != "incorrect"]
    assert sum(elsewhere) == 0
    assert sum(sum(line.values()) for line in found["all"].values()) == 1000
    for b, a in itertools.product(LABELS, LABELS):
        assert found["all"][b][a] == found["in_context"][b][a] + found["not_in_context"][b][a]


def test_without_a_change_there_is_none(before):
    for change in changes(before, before):
        assert change.change == 0 and change.interval == (0, 0)


def test_unscored_replies_count_for_neither_side_and_bounds_hold_whatever_they_were(before, after):
    hidden = [replace(p, label="unscored") if i % 9 == 0 else p for i, p in enumerate(after)]
    change = change_of(before, hidden, "accuracy")
    pairs = [(b, a) for b, a in zip(before, hidden, strict=True) if a.label != "unscored"]
    assert change.before == sum(b.label == "correct" for b, _ in pairs) / len(pairs)
    assert change.after == sum(a.label == "correct" for _, a in pairs) / len(pairs)
    assert change.gained == sum(b.label != "correct" == a.label for b, a in pairs)
    low, high = change.bounds
    for label in ("correct", "incorrect", "abstain"):
        told = [replace(p, label=label) if p.label == "unscored" else p for p in hidden]
        assert low - 1e-12 <= change_of(before, told, "accuracy").change <= high + 1e-12
    assert low <= change_of(before, after, "accuracy").change <= high
    assert transitions(before, hidden)["all"]["correct"]["unscored"] > 0


def test_unscored_on_both_sides_is_bounded_on_both(before):
    one = [replace(p, label="unscored") if i < 100 else p for i, p in enumerate(before)]
    other = [replace(p, label="unscored") if i >= 950 else p for i, p in enumerate(before)]
    assert change_of(one, other, "hallucination_rate").bounds == pytest.approx(
        (
            (sum(p.label == "incorrect" for p in other) - sum(p.label == "incorrect" for p in one) - 100) / 1000,
            (sum(p.label == "incorrect" for p in other) - sum(p.label == "incorrect" for p in one) + 50) / 1000,
        )
    )


def test_nothing_scored_by_both_is_no_change():
    rows = replies(evidence(3), ["unscored"] * 3)
    for change in changes(rows, rows):
        assert change.change is None and change.interval is None


def test_rows_must_be_the_same(before):
    with pytest.raises(ValueError, match="same rows in the same order"):
        transitions(before, before[::-1])


def test_rows_with_other_passages_are_compared_by_context_where_both_agree(before, after):
    """The same replies, but the second model's passages hold the answer of fifty other rows."""
    places = [i for i, p in enumerate(before) if not p.answer_in_context][:50]
    found = [replace(p, answer_in_context=True) if i in places else p for i, p in enumerate(after)]
    plain, mixed = ({change.figure: change for change in changes(before, one)} for one in (after, found))
    for figure in ("accuracy", "hallucination_rate", "f_score", "accuracy_in_context", "false_refusals"):
        assert mixed[figure].change == pytest.approx(plain[figure].change)
    rest = [[p for i, p in enumerate(rows) if i not in places] for rows in (before, after)]
    assert mixed["abstention_recall"].change == pytest.approx(change_of(*rest, "abstention_recall").change)
    moves = transitions(before, found)
    counted = {group: sum(sum(row.values()) for row in moves[group].values()) for group in GROUPS}
    assert counted["all"] == 1000 and counted["in_context"] + counted["not_in_context"] == 950


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (7, 2), (2, 7), (5, 5), (30, 11)])
def test_mcnemar_is_twice_the_smaller_tail_of_a_fair_coin(gained, lost):
    tosses = gained + lost
    tail = sum(Fraction(math.comb(tosses, k), 2**tosses) for k in range(min(gained, lost) + 1))
    assert mcnemar(gained, lost) == pytest.approx(float(min(1, 2 * tail)), rel=1e-12)
    assert mcnemar(gained, lost) == mcnemar(lost, gained)


def test_mcnemar_knows_many_rows():
    assert 0 <= mcnemar(5000, 100) < 1e-300 and mcnemar(2500, 2500) == 1


def test_the_rows_that_it_takes_to_tell_a_change_do_tell_it():
    rows = evidence(20, in_context=1)
    before = replies(rows, ["correct"] * 10 + ["incorrect"] * 10)
    after = replies(rows, ["correct"] * 6 + ["incorrect"] * 4 + ["correct"] * 6 + ["incorrect"] * 4)
    few = change_of(before, after, "accuracy")
    assert few.change == pytest.approx(0.1) and few.interval[0] < 0 < few.interval[1]
    times = -(-few.rows_to_tell // len(rows))
    enough, short = (change_of(before * n, after * n, "accuracy") for n in (times + 1, times // 2))
    assert enough.interval[0] > 0 and enough.rows_to_tell is None
    assert short.interval[0] < 0


def test_a_narrow_interval_around_no_change_asks_for_no_more_rows(before):
    assert {change.rows_to_tell for change in changes(before, before)} == {None}
