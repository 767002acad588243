"""Two models on the same questions: which rows changed, by how much, and how sure that is.

Figures compare the rows that have a score from both models; what the others could change is in the bounds.
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
"""Outcomes in the order of rows and columns of a transition matrix; the last is *unscored*."""

GROUPS = {"all": (0, 1, 2), "in_context": (1,), "not_in_context": (0,)}
"""Groups of rows by whether a shown passage holds the answer: 0 no, 1 yes. Two models may be shown other passages; a
row whose passages hold it for one of them alone is 2, and compared among all rows only."""

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
"""Figures that are the share of one outcome in a group. For these a row is gained or lost, and McNemar's test holds."""

RATIOS = ("accuracy_given_attempted", "f_score")
"""Figures whose denominator depends on the model, or that are not shares."""

_NARROW, _SMALL = 0.2, 0.05
"""The width of an interval that rules out a large change, and the smallest change that a test set should show."""


@dataclass(frozen=True, slots=True)
class Change:
    """One figure before and after, over the rows that both models have a score for.

    `interval` is the 95% paired bootstrap interval of `change`. `gained` and `lost` are rows that came to have the
    figure's outcome and that had it before, `p` is McNemar's exact test on them; for `RATIOS` they are None. `bounds`
    say what the change would be over all rows, whatever the unscored ones had been; None if there are none.
    `rows_to_tell` is the number of rows that would show the change, from `rows_to_tell`; None if these rows do.
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
    """How many rows went from which outcome to which: by group of `GROUPS`, label before, label after.

    Args:
        before: one model's replies.
        after: another's, row for row to the same questions.

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
    """Every figure of `SHARES` and `RATIOS` before and after.

    Args:
        before: one model's replies.
        after: another's, row for row to the same questions.
        seed: of the bootstrap.
        resamples: its draws.

    Raises:
        ValueError: if the rows are not the same, in the same order.
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
    """The change of one figure; arguments as of `changes`."""
    return next(change for change in changes(before, after, seed) if change.figure == figure)


def rows_to_tell(change: float | None, interval: tuple[float, float] | None, rows: int) -> int | None:
    """How many rows a test set needs to show a change that these rows leave open.

    An interval shrinks with the square root of the rows. A change below 5 points is taken for one of 5 points.

    Args:
        change: a difference of shares.
        interval: its 95% interval.
        rows: the rows compared.

    Returns:
        The number of rows, rounded up to two digits. None if the interval leaves out 0, or is at most 20 points wide
        and so rules out a large change.

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

    If a model were no better than the other, each row on which they differ would be a fair coin.

    Args:
        gained: rows right with the second model alone.
        lost: rows right with the first alone.

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
    """Rows by what the passages hold, label before and label after: shape (3, 4, 4)."""
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
    """The change of a share with the rows that changed, McNemar's test on them, and bounds."""
    group, label = SHARES[change.figure]
    matrix, place = counts[list(GROUPS[group])].sum(0), LABELS.index(label)
    scored = matrix[: len(SCORED), : len(SCORED)]
    gained = int(scored[:, place].sum() - scored[place, place])
    lost = int(scored[place].sum() - scored[place, place])
    return replace(change, gained=gained, lost=lost, p=mcnemar(gained, lost), bounds=_bounds(matrix, place))


def _bounds(matrix: Array, place: int) -> tuple[float, float] | None:
    """The change over all rows of a matrix if every unscored reply spoke against it, and if every one spoke for it."""
    unscored_before, unscored_after = int(matrix[-1].sum()), int(matrix[:, -1].sum())
    if not unscored_before + unscored_after:
        return None
    rows, difference = int(matrix.sum()), int(matrix[:, place].sum() - matrix[place].sum())
    return (difference - unscored_before) / rows, (difference + unscored_after) / rows


def _number(value: Array) -> float | None:
    return None if np.isnan(value) else float(value)
