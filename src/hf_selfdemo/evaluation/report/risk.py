"""Risk against coverage, where replies come with a confidence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.scoring.risk_coverage import aurc, risk_coverage

_POINTS = 120
"""Points kept of a curve, which is more than a page can show."""


def risk_curve(predictions: Sequence[Prediction]) -> dict[str, Any] | None:
    """The risk-coverage curve of one model and the area under it, as `scoring.risk_coverage` defines them.

    Args:
        predictions: of one model in one mode.

    Returns:
        `points` as [coverage, risk], coverage rising, and `aurc`; None where an attempted reply has no confidence, or
        there is none.

    Example:
        >>> sure = Prediction("1", "rag", "Paris", "correct", True, True, confidence=0.9)
        >>> unsure = Prediction("2", "rag", "Rome", "incorrect", True, True, confidence=0.2)
        >>> risk_curve([unsure, sure])
        {'points': [[0.5, 0.0], [1.0, 0.5]], 'aurc': 0.25}
    """
    labels = [p.label for p in predictions]
    attempted = [p.confidence for p in predictions if p.label in ("correct", "incorrect")]
    if not attempted or None in attempted:
        return None
    confidences = [p.confidence or 0.0 for p in predictions]  # those of rows not attempted are not looked at
    points = [[point.coverage, point.risk] for point in risk_coverage(labels, confidences)]
    step = -(-len(points) // _POINTS)
    return {"points": points[::-1][::step][::-1], "aurc": aurc(labels, confidences)}
