"""The bootstrap over kinds of rows instead of rows: the same draws, thousands of times faster.

A figure of the report depends on how many rows of each kind there are (what the passages hold, what each model's label
is) and on nothing else, and drawing n rows with replacement is drawing how many come from each of a few kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hf_selfdemo.core.types import Label, Prediction

SCORED: tuple[Label, ...] = ("correct", "incorrect", "abstain")
"""The three outcomes, in the order of the last axis of every array here."""

RESAMPLES = 10_000

Array = npt.NDArray[Any]


def rates(outcomes: Array) -> dict[str, Array]:
    """Every figure of the report about one model from counts; no number where there is nothing to count.

    Args:
        outcomes: counts, shape (..., 2, 3): rows whose passages do not hold the answer and rows whose do, by outcome;
            or (..., 3, 3) with those behind them that count among all rows only.

    Returns:
        Arrays of shape (...), named as by `scoring.outcomes.figures`, which gives the same values.
    """
    correct, incorrect, abstain = np.moveaxis(outcomes.sum(-2), -1, 0)
    attempted, rows = correct + incorrect, correct + incorrect + abstain
    absent, present = outcomes[..., 0, :], outcomes[..., 1, :]
    return {
        **_shares(outcomes.sum(-2), "accuracy", "hallucination_rate", "abstention_rate"),
        **_shares(present, "accuracy_in_context", "hallucination_in_context", "false_refusals"),
        **_shares(absent, "accuracy_not_in_context", "hallucination_not_in_context", "abstention_recall"),
        "accuracy_given_attempted": _over(correct, attempted),
        "f_score": _over(2 * correct, rows + attempted),  # the harmonic mean, multiplied out
    }


def resampled(counts: Array, seed: int = 0, resamples: int = RESAMPLES) -> Array:
    """Counts as they might have come out, shape (resamples, *counts.shape).

    Args:
        counts: rows of each kind, any shape, at least one row in all.
        seed: of the draws.
        resamples: how many.

    Example:
        >>> resampled(np.array([3, 0]), resamples=2).tolist()
        [[3, 0], [3, 0]]
    """
    rows = int(counts.sum())
    drawn = np.random.default_rng(seed).multinomial(rows, counts.ravel() / rows, size=resamples)
    return drawn.reshape(resamples, *counts.shape)


def percentiles(values: Array) -> tuple[float, float] | None:
    """The 95% percentile interval; draws in which there was nothing to count are left out.

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
        predictions: of one model in one mode.
        seed: of the draws.

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
    """Each outcome's share of its rows, by the names that these shares go by."""
    return {name: _over(counts[..., i], counts.sum(-1)) for i, name in enumerate(names)}


def _over(hits: Array, total: Array) -> Array:
    with np.errstate(invalid="ignore"):  # 0 of 0 is not a number, which is meant
        return np.asarray(hits / total)
