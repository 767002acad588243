"""The bootstrap over kinds of rows instead of rows: the same distribution, thousands of times faster.

A metric of the report depends only on the number of rows of each kind (answer in context, label of each model). Drawing
n rows with replacement is the same as drawing the number of rows of each kind from a multinomial distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hf_selfdemo.core.types import Label, Prediction

SCORED: tuple[Label, ...] = ("correct", "incorrect", "abstain")
"""The three scored labels, in the order of the last axis of every array here."""

RESAMPLES = 10_000

Array = npt.NDArray[Any]


def rates(outcomes: Array) -> dict[str, Array]:
    """All metrics of one model from counts; NaN where there is nothing to count.

    Args:
        outcomes: counts of rows, shape (..., 2, 3): index 0 if the passages do not contain the answer, 1 if they do,
            then the label; or (..., 3, 3), where index 2 counts among all rows only.

    Returns:
        Arrays of shape (...) by the names of `scoring.outcomes.figures`, which gives the same values.
    """
    correct, incorrect, abstain = np.moveaxis(outcomes.sum(-2), -1, 0)
    attempted, rows = correct + incorrect, correct + incorrect + abstain
    absent, present = outcomes[..., 0, :], outcomes[..., 1, :]
    return {
        **_shares(outcomes.sum(-2), "accuracy", "hallucination_rate", "abstention_rate"),
        **_shares(present, "accuracy_in_context", "hallucination_in_context", "false_refusals"),
        **_shares(absent, "accuracy_not_in_context", "hallucination_not_in_context", "abstention_recall"),
        "accuracy_given_attempted": _over(correct, attempted),
        "f_score": _over(2 * correct, rows + attempted),  # the harmonic mean of correct/rows and correct/attempted
    }


def resampled(counts: Array, seed: int = 0, resamples: int = RESAMPLES) -> Array:
    """Bootstrap draws of counts, shape (resamples, *counts.shape).

    Args:
        counts: number of rows of each kind, any shape, with at least one row in total.
        seed: seed of the draws.
        resamples: number of draws.

    Example:
        >>> resampled(np.array([3, 0]), resamples=2).tolist()
        [[3, 0], [3, 0]]
    """
    rows = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(rows, counts.ravel() / rows, size=resamples)
    return drawn.reshape(resamples, *counts.shape)


def percentiles(values: Array) -> tuple[float, float] | None:
    """The 95% percentile interval; NaN draws, in which there was nothing to count, are left out.

    Example:
        >>> percentiles(np.array([0.0, 1.0, np.nan]))
        (0.025, 0.975)
    """
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def f_interval(predictions: Sequence[Prediction], seed: int = 0) -> tuple[float, float] | None:
    """The 95% bootstrap interval of `scoring.outcomes.f_score` over the scored rows; None if there are none.

    Args:
        predictions: predictions of one model in one mode.
        seed: seed of the draws.

    Example:
        >>> f_interval([Prediction("1", "rag", "Paris", "correct", True, True)])
        (1.0, 1.0)
    """
    counts = np.zeros((2, len(SCORED)), dtype=np.int64)
    for p in predictions:
        if p.label != "unscored":
            counts[int(p.answer_in_context), SCORED.index(p.label)] += 1
    return percentiles(rates(resampled(counts, seed))["f_score"]) if counts.sum() else None


def _shares(counts: Array, *names: str) -> dict[str, Array]:
    """The share of each label, by the given names."""
    return {name: _over(counts[..., i], counts.sum(-1)) for i, name in enumerate(names)}


def _over(hits: Array, total: Array) -> Array:
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN on purpose
        return np.asarray(hits / total)
