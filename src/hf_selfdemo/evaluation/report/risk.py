"""Risk against coverage: what a threshold over a signal would come to, from the surest attempt to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.report.signals import signals_of, tried
from hf_selfdemo.scoring.outcomes import figures
from hf_selfdemo.scoring.risk_coverage import aurc, risk_coverage

_POINTS = 120
"""Points kept of a curve, which is more than a page can show."""


def risk_curve(predictions: Sequence[Prediction], signal: str) -> dict[str, Any]:
    """The risk-coverage curve of one model and the area under it, as `scoring.risk_coverage` defines them.

    Args:
        predictions: of one model in one mode. Each counts by its attempt: the reply, or the answer that was withheld.
        signal: what the rows are ordered by; every labelled attempt has it.

    Returns:
        `points` as [coverage, risk], coverage rising, and `aurc`; `stands` is where the model itself is, with the rows
        that it answers, as trained or at its operating point: None if it answers none.

    Example:
        >>> sure = Prediction("1", "rag", "Paris", "correct", True, True, confidence=0.9)
        >>> unsure = Prediction("2", "rag", "Rome", "incorrect", True, True, confidence=0.2)
        >>> risk_curve([unsure, sure], "confidence")
        {'points': [[0.5, 0.0], [1.0, 0.5]], 'aurc': 0.25, 'stands': [1.0, 0.5]}
    """
    labels = [tried(p).label for p in predictions]
    confidences = [signals_of(p).get(signal, 0.0) for p in predictions]  # of rows not attempted it is not looked at
    points = [[point.coverage, point.risk] for point in risk_coverage(labels, confidences)]
    step = -(-len(points) // _POINTS)
    return {"points": points[::-1][::step][::-1], "aurc": aurc(labels, confidences), "stands": _stands(predictions)}


def _stands(predictions: Sequence[Prediction]) -> list[float] | None:
    rates = figures(predictions)
    right = rates["accuracy_given_attempted"]
    return None if right.value is None else [right.total / rates["accuracy"].total, 1 - right.value]
