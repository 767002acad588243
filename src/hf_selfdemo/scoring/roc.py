"""How well a signal tells rows apart: the area under the ROC curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def area(scores: Array, positive: Array) -> float | None:
    """How often a positive row has the higher score, a tie counting half (Mann and Whitney 1947).

    .5 is chance. None without rows of both kinds.

    Args:
        scores: one a row.
        positive: whether it is one of those that should have high scores.

    Example:
        >>> area(np.array([0.9, 0.2, 0.4]), np.array([True, False, False]))
        1.0
    """
    found = areas(scores, positive, np.ones((1, len(scores)), dtype=np.int64))[0] if len(scores) else np.nan
    return None if np.isnan(found) else float(found)


def areas(scores: Array, positive: Array, counts: Array) -> Array:
    """The same for rows that are there several times: one area for each row of `counts`.

    Args:
        scores: shape (rows,).
        positive: shape (rows,).
        counts: how often each row is there, shape (draws, rows).

    Returns:
        Shape (draws,); no number where a draw has rows of one kind alone.

    Example:
        >>> areas(np.array([0.9, 0.2]), np.array([True, False]), np.array([[1, 3], [2, 0]])).tolist()
        [1.0, nan]
    """
    order = np.argsort(scores, kind="stable")
    _, ties = np.unique(scores[order], return_index=True)  # where rows of another score begin
    high, low = (np.add.reduceat(counts[:, order] * mask[order], ties, axis=1) for mask in (positive, ~positive))
    lower = low.cumsum(1) - low
    with np.errstate(invalid="ignore"):  # 0 of 0 is no number, which is meant
        return np.asarray((high * (lower + low / 2)).sum(1) / (high.sum(1) * low.sum(1)))
