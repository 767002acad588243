"""The risk-coverage curve: the risk at every threshold on a signal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.report.signals import signals_of, tried
from hf_selfdemo.scoring.outcomes import figures
from hf_selfdemo.scoring.risk_coverage import aurc, risk_coverage

_POINTS = 120
"""Maximum number of points of a curve, enough for the resolution of the page."""


def risk_curve(predictions: Sequence[Prediction], signal: str) -> dict[str, Any]:
    """The risk-coverage curve of one model and the area under it, as `scoring.risk_coverage` defines them.

    Args:
        predictions: predictions of one model in one mode. Each counts by its attempt, which is the reply or the
            withheld answer.
        signal: the signal that orders the rows; every labelled attempt must have it.

    Returns:
        `points` as [coverage, risk] with rising coverage, and `aurc`; `stands` is the point of the model itself, as
        trained or at its operating point, or None if it answers no row.

    Example:
        >>> sure = Prediction("1", "rag", "Paris", "correct", True, True, confidence=0.9)
        >>> unsure = Prediction("2", "rag", "Rome", "incorrect", True, True, confidence=0.2)
        >>> risk_curve([unsure, sure], "confidence")
        {'points': [[0.5, 0.0], [1.0, 0.5]], 'aurc': 0.25, 'stands': [1.0, 0.5]}
    """
    labels = [tried(p).label for p in predictions]
    confidences = [signals_of(p).get(signal, 0.0) for p in predictions]  # 0.0 is unused: such rows are not attempted
    points = [[point.coverage, point.risk] for point in risk_coverage(labels, confidences)]
    step = -(-len(points) // _POINTS)
    return {"points": points[::-1][::step][::-1], "aurc": aurc(labels, confidences), "stands": _stands(predictions)}


def _stands(predictions: Sequence[Prediction]) -> list[float] | None:
    rates = figures(predictions)
    right = rates["accuracy_given_attempted"]
    return None if right.value is None else [right.total / rates["accuracy"].total, 1 - right.value]
