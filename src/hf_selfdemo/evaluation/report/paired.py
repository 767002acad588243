"""Paired comparison of two models on the same questions, with intervals and tests.

Metrics compare the rows on which both replies are scored. Bounds show how much the unscored rows could change.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import get_args

import numpy as np

from hf_selfdemo.core.types import Label, Prediction
from hf_selfdemo.evaluation.report.resampling import RESAMPLES, SCORED, Array, percentiles, rates, resampled

LABELS: tuple[Label, ...] = get_args(Label)
"""Labels in the order of rows and columns of a transition matrix; the last is *unscored*."""

GROUPS = {"all": (0, 1, 2), "in_context": (1,), "not_in_context": (0,)}
"""Groups of rows by whether a shown passage contains the answer: 0 no, 1 yes. Two models may be shown different
passages. If these contain the answer for only one of them, the row is 2, which counts among all rows only."""

SHARES: dict[str, tuple[str, Label]] = {
    "accuracy": ("all", "correct"),
    "hallucination_rate": ("all", "incorrect"),
    "abstention_rate": ("all", "abstain"),
    "accuracy_in_context": ("in_context", "correct"),
    "hallucination_in_context": ("in_context", "incorrect"),
    "false_refusals": ("in_context", "abstain"),
    "accuracy_not_in_context": ("not_in_context", "correct"),
    "hallucination_not_in_context": ("not_in_context", "incorrect"),
    "abstention_recall": ("not_in_context", "abstain"),
}
"""Metrics that are the share of one label in a group. For these, rows are gained or lost and McNemar's test applies."""

RATIOS = ("accuracy_given_attempted", "f_score")
"""Metrics whose denominator depends on the model, or that are not shares."""

_NARROW, _SMALL = 0.2, 0.05
"""The largest width of an interval that rules out a large change, and the smallest change a test set should show."""


@dataclass(frozen=True, slots=True)
class Change:
    """One metric before and after, over the rows on which both replies are scored.

    `interval` is the 95% paired bootstrap interval of `change`. `gained` and `lost` count the rows that have the
    metric's label only after and only before, and `p` is McNemar's exact test on them; for `RATIOS` they are None.
    `bounds` are the lowest and highest change over all rows, for any labels of the unscored ones; None if no row is
    unscored. `rows_to_tell` is the number of rows needed to show the change; None if these rows suffice.
    """

    figure: str
    before: float | None
    after: float | None
    change: float | None
    interval: tuple[float, float] | None
    gained: int | None = None
    lost: int | None = None
    p: float | None = None
    bounds: tuple[float, float] | None = None
    rows_to_tell: int | None = None


def transitions(before: Sequence[Prediction], after: Sequence[Prediction]) -> dict[str, dict[str, dict[str, int]]]:
    """The number of rows by group of `GROUPS`, label before, and label after.

    Args:
        before: one model's replies.
        after: another model's replies to the same rows in the same order.

    Example:
        >>> old = [Prediction("1", "rag", "Rome", "incorrect", True, True)]
        >>> new = [Prediction("1", "rag", "Paris", "correct", True, True)]
        >>> transitions(old, new)["in_context"]["incorrect"]["correct"]
        1
    """
    counts = _counted(before, after)
    return {group: _by_label(counts[list(sides)].sum(0)) for group, sides in GROUPS.items()}


def changes(
    before: Sequence[Prediction], after: Sequence[Prediction], seed: int = 0, resamples: int = RESAMPLES
) -> list[Change]:
    """The change of every metric of `SHARES` and `RATIOS`.

    Args:
        before: one model's replies.
        after: another model's replies to the same rows in the same order.
        seed: seed of the bootstrap.
        resamples: number of its draws.

    Raises:
        ValueError: if the two do not have the same rows in the same order.
    """
    counts = _counted(before, after)
    scored = counts[:, : len(SCORED), : len(SCORED)]
    old, new = rates(scored.sum(2)), rates(scored.sum(1))
    if scored.sum():
        drawn = resampled(scored, seed, resamples)
        old_drawn, new_drawn = rates(drawn.sum(3)), rates(drawn.sum(2))
    found = []
    for figure in (*SHARES, *RATIOS):
        interval = percentiles(new_drawn[figure] - old_drawn[figure]) if scored.sum() else None
        before_after = _number(old[figure]), _number(new[figure])
        change = Change(figure, *before_after, _number(new[figure] - old[figure]), interval)
        compared = int(scored[list(GROUPS[SHARES[figure][0] if figure in SHARES else "all"])].sum())
        change = replace(change, rows_to_tell=rows_to_tell(change.change, interval, compared))
        found.append(_with_rows(change, counts) if figure in SHARES else change)
    return found


def change_of(before: Sequence[Prediction], after: Sequence[Prediction], figure: str, seed: int = 0) -> Change:
    """The change of one metric; the arguments are those of `changes`."""
    return next(change for change in changes(before, after, seed) if change.figure == figure)


def rows_to_tell(change: float | None, interval: tuple[float, float] | None, rows: int) -> int | None:
    """The number of rows that a test set needs to show a change that these rows do not show.

    The width of an interval is taken to shrink with the square root of the number of rows. A change below 5 points
    counts as 5 points.

    Args:
        change: a difference of shares.
        interval: its 95% interval.
        rows: number of rows compared.

    Returns:
        The number of rows, rounded up to two digits. None if the interval excludes 0, or if it is at most 20 points
        wide and so rules out a large change.

    Example:
        >>> rows_to_tell(0.5, (-0.25, 1.0), rows=4), rows_to_tell(0.0, (-0.04, 0.05), rows=300)
        (9, None)
    """
    if (
        change is None
        or interval is None
        or not interval[0] <= 0 <= interval[1]
        or interval[1] - interval[0] <= _NARROW
    ):
        return None
    reach = max(change - interval[0] if change >= 0 else 0, interval[1] - change if change <= 0 else 0)
    needed = math.ceil(rows * (reach / max(abs(change), _SMALL)) ** 2)
    digit: int = 10 ** max(0, len(str(needed)) - 2)
    return math.ceil(needed / digit) * digit


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided p-value of McNemar's exact test (McNemar 1947; the binomial form of Mosteller 1952).

    Under the null hypothesis each row on which the models differ is a fair coin toss.

    Args:
        gained: number of rows that only the second model got right.
        lost: number of rows that only the first model got right.

    Example:
        >>> mcnemar(0, 0), mcnemar(5, 0), mcnemar(3, 3)
        (1.0, 0.0625, 1.0)
    """
    tosses, fewer = gained + lost, min(gained, lost)
    ways, tail = 1, 0
    for k in range(fewer + 1):
        tail += ways
        ways = ways * (tosses - k) // (k + 1)
    return min(1.0, 2 * tail / 2**tosses)


def _counted(before: Sequence[Prediction], after: Sequence[Prediction]) -> Array:
    """The number of rows by answer in context (see `GROUPS`), label before and label after: shape (3, 4, 4)."""
    if [p.id for p in before] != [p.id for p in after]:
        raise ValueError("both models must have answered the same rows in the same order")
    counts = np.zeros((3, len(LABELS), len(LABELS)), dtype=np.int64)
    for b, a in zip(before, after, strict=True):
        held = int(b.answer_in_context) if b.answer_in_context == a.answer_in_context else 2
        counts[held, LABELS.index(b.label), LABELS.index(a.label)] += 1
    return counts


def _by_label(matrix: Array) -> dict[str, dict[str, int]]:
    return {b: {a: int(matrix[i, j]) for j, a in enumerate(LABELS)} for i, b in enumerate(LABELS)}


def _with_rows(change: Change, counts: Array) -> Change:
    """The change of a share, with the gained and lost rows, McNemar's test on them, and the bounds."""
    group, label = SHARES[change.figure]
    matrix, place = counts[list(GROUPS[group])].sum(0), LABELS.index(label)
    scored = matrix[: len(SCORED), : len(SCORED)]
    gained = int(scored[:, place].sum() - scored[place, place])
    lost = int(scored[place].sum() - scored[place, place])
    return replace(change, gained=gained, lost=lost, p=mcnemar(gained, lost), bounds=_bounds(matrix, place))


def _bounds(matrix: Array, place: int) -> tuple[float, float] | None:
    """The lowest and highest change over all rows of a matrix, for any labels of the unscored replies."""
    unscored_before, unscored_after = int(matrix[-1].sum()), int(matrix[:, -1].sum())
    if not unscored_before + unscored_after:
        return None
    rows, difference = int(matrix.sum()), int(matrix[:, place].sum() - matrix[place].sum())
    return (difference - unscored_before) / rows, (difference + unscored_after) / rows


def _number(value: Array) -> float | None:
    return None if np.isnan(value) else float(value)
