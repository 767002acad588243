"""The area under the ROC curve: how well a signal separates positive from negative rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


def area(scores: Array, positive: Array) -> float | None:
    """The share of pairs in which the positive row scores above the negative; ties count half (Mann and Whitney 1947).

    0.5 is chance. None unless there are both positive and negative rows.

    Args:
        scores: the score of each row, shape (rows,).
        positive: whether each row is positive, so that its score should be high, shape (rows,).

    Example:
        >>> area(np.array([0.9, 0.2, 0.4]), np.array([True, False, False]))
        1.0
    """
    found = areas(scores, positive, np.ones((1, len(scores)), dtype=np.int64))[0] if len(scores) else np.nan
    return None if np.isnan(found) else float(found)


def areas(scores: Array, positive: Array, counts: Array) -> Array:
    """The areas for draws in which rows occur several times or not at all, such as bootstrap draws.

    Args:
        scores: the score of each row, shape (rows,).
        positive: whether each row is positive, shape (rows,).
        counts: how often each row occurs in each draw, shape (draws, rows).

    Returns:
        The area of each draw, shape (draws,); NaN unless the draw has both positive and negative rows.

    Example:
        >>> areas(np.array([0.9, 0.2]), np.array([True, False]), np.array([[1, 3], [2, 0]])).tolist()
        [1.0, nan]
    """
    order = np.argsort(scores, kind="stable")
    _, ties = np.unique(scores[order], return_index=True)  # where each distinct score begins
    high, low = (np.add.reduceat(counts[:, order] * mask[order], ties, axis=1) for mask in (positive, ~positive))
    lower = low.cumsum(1) - low
    with np.errstate(invalid="ignore"):  # 0 / 0 is NaN, as documented
        return np.asarray((high * (lower + low / 2)).sum(1) / (high.sum(1) * low.sum(1)))
