"""Computes models at an operating point from their records: the point is chosen on dev rows and applied to other rows.

If a model has a point, its run was also evaluated at it and the record contains these labels. Otherwise, e.g. for the
base model, they are computed here from the recorded labels, withheld answers and signals.
"""

from __future__ import annotations

from collections.abc import Sequence

from records import Record, Study

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT
from hf_selfdemo.scoring.operating_point import Aim, OperatingPoint, at_point, choose_point

AIM = Aim("f_score")
"""The aim of the points in the tables, as in the recipes."""

OTHER_AIMS = (Aim("false_refusals", 0.15), Aim("hallucination", 0.25))
"""Other aims: a limit on a rate (a share), proven at level .9 on half of the dev questions."""


def dev_replies(study: Study, record: Record, mode: str) -> list[Prediction]:
    """The replies of the same model to the dev rows and their twins; empty if it was not asked them."""
    own = study.records.get(record["name"].removesuffix("-squad"), record)
    return study.replies(own, "dev", mode, twins=True) if "dev" in own["evaluations"] else []


def replies_at_point(study: Study, record: Record, which: str, mode: str, twins: bool = False) -> list[Prediction]:
    """The replies of a model to a set, at the point that `AIM` names.

    Returns:
        The recorded replies at its point, or else replies at a point chosen on its dev rows. Empty for computed replies
        on the dev rows themselves, because the point is chosen on them, and if there are no signals.
    """
    asked = study.replies(record, which, mode + AT_POINT, twins)
    if asked or which == "dev":
        return asked
    point = chosen(study, record, mode, AIM)
    return applied(point, study.replies(record, which, mode, twins)) if point else []


def chosen(study: Study, record: Record, mode: str, aim: Aim) -> OperatingPoint | None:
    """The point of a model for an aim; None if its dev rows do not suffice to choose one."""
    try:
        return choose_point(dev_replies(study, record, mode), aim)
    except UserError:
        return None


def applied(point: OperatingPoint, replies: Sequence[Prediction]) -> list[Prediction]:
    """The replies at a point; empty if they have no signals, because the model would abstain on every row."""
    if not any((p.withheld or p).signals for p in replies):
        return []
    return [at_point(p, point) for p in replies]
