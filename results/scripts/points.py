"""Models at an operating point, from their records alone: chosen on dev rows, applied to others.

A run whose model keeps a point has been asked at it, and its record holds those labels. Elsewhere, such as for the base
model, the same is computed: replies, withheld answers and signals are all that a point needs.
"""

from __future__ import annotations

from collections.abc import Sequence

from records import Record, Study

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT
from hf_selfdemo.scoring.operating_point import Aim, OperatingPoint, at_point, choose_point

AIM = Aim("f_score")
"""What the points of the tables are chosen for, as the recipes have it."""

OTHER_AIMS = (Aim("false_refusals", 0.15), Aim("hallucination", 0.25))
"""What a user may want instead: a rate of at most so much, proven with level .9 on half of the dev questions."""


def dev_replies(study: Study, record: Record, mode: str) -> list[Prediction]:
    """The replies of the same model to the dev rows, twins among them; none if it was not asked."""
    own = study.records.get(record["name"].removesuffix("-squad"), record)
    return study.replies(own, "dev", mode, twins=True) if "dev" in own["evaluations"] else []


def replies_at_point(study: Study, record: Record, which: str, mode: str, twins: bool = False) -> list[Prediction]:
    """The replies of a model to a set, at the point that `AIM` names.

    Returns:
        What it was asked at its point, or else what follows from its dev rows; nothing on the dev rows themselves,
        which the point is chosen on, nor where there are no signals to choose by.
    """
    asked = study.replies(record, which, mode + AT_POINT, twins)
    if asked or which == "dev":
        return asked
    point = chosen(study, record, mode, AIM)
    return applied(point, study.replies(record, which, mode, twins)) if point else []


def chosen(study: Study, record: Record, mode: str, aim: Aim) -> OperatingPoint | None:
    """The point of a model for an aim; None if its dev rows tell none, or nothing can be proven of them."""
    try:
        return choose_point(dev_replies(study, record, mode), aim)
    except UserError:
        return None


def applied(point: OperatingPoint, replies: Sequence[Prediction]) -> list[Prediction]:
    """What becomes of replies at a point; none if they have no signals, as everything would be declined."""
    if not any((p.withheld or p).signals for p in replies):
        return []
    return [at_point(p, point) for p in replies]
