"""Does a model's confidence tell its right answers from its wrong ones? Risk against coverage, and the area below.

Terms (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017, section 2; the areas in Geifman, Uziel and El-Yaniv 2019):
keep the k attempted rows of the highest confidence and decline the others. *Coverage* is their share of the scored
rows, *selective risk* the share of them that is incorrect. Rows on which the model abstained are never kept, so that
the curve ends at the share it attempted; unscored rows are left out.

Rows of one confidence cannot be told apart: the curve has one point for all of them, and areas take for every k between
the risk that is to be expected if they are kept in random order. So no figure depends on the order of the rows, and a
confidence that is the same everywhere gets the error rate, which is what a random one is worth.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import groupby
from numbers import Real
from typing import NamedTuple

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Label


class Point(NamedTuple):
    """Keeping every attempted row of at least this `confidence` covers that share of rows at that risk."""

    confidence: float
    coverage: float
    risk: float


class _Tied(NamedTuple):
    """Attempted rows of one confidence."""

    confidence: float
    rows: int
    errors: int


def risk_coverage(labels: Sequence[Label], confidences: Sequence[float]) -> list[Point]:
    """The curve, from the most confident rows to all that were attempted; empty if none was.

    Args:
        labels: what a judge says of each reply.
        confidences: one a row, higher is surer, on any scale; those of rows not attempted are not looked at.

    Raises:
        UserError: if there is not one number a row; it names the row.

    Example:
        >>> [tuple(p) for p in risk_coverage(["correct", "incorrect", "abstain", "correct"], [0.9, 0.2, 0.1, 0.6])]
        [(0.9, 0.25, 0.0), (0.6, 0.5, 0.0), (0.2, 0.75, 0.3333333333333333)]
    """
    scored = sum(label != "unscored" for label in labels)
    points, rows, errors = [], 0, 0
    for tied in _by_confidence(labels, confidences):
        rows, errors = rows + tied.rows, errors + tied.errors
        points.append(Point(tied.confidence, rows / scored, errors / rows))
    return points


def aurc(labels: Sequence[Label], confidences: Sequence[float]) -> float | None:
    """Area under the risk-coverage curve: the mean of the selective risk over k = 1, 2, ... attempted rows kept.

    Lower is better; the error rate of the attempted rows is what a random confidence gets. None if nothing was
    attempted, as by a model that always abstains.

    Example:
        >>> aurc(["correct", "incorrect"], [0.9, 0.1]), aurc(["correct", "incorrect"], [0.1, 0.9])
        (0.25, 0.75)
        >>> aurc(["correct", "incorrect"], [0.5, 0.5])
        0.5
    """
    risks = list(_risks(_by_confidence(labels, confidences)))
    return math.fsum(risks) / len(risks) if risks else None


def e_aurc(labels: Sequence[Label], confidences: Sequence[float]) -> float | None:
    """Excess AURC: `aurc` less that of the best order of the same rows, in which every error comes last.

    0 for a confidence that puts every right answer above every wrong one, whatever the error rate. The best order is
    computed for these rows; the paper's r + (1 - r) ln(1 - r) is its limit for many.

    Example:
        >>> e_aurc(["correct", "incorrect"], [0.9, 0.1]), e_aurc(["correct", "incorrect"], [0.1, 0.9])
        (0.0, 0.5)
    """
    area, best = aurc(labels, confidences), aurc(labels, [float(label == "correct") for label in labels])
    return None if area is None or best is None else area - best


def aurc_bounds(labels: Sequence[Label], confidences: Sequence[float]) -> tuple[float, float] | None:
    """The least and greatest `aurc` if the unscored rows were attempts: all of them right, or all of them wrong.

    Example:
        >>> aurc_bounds(["correct", "unscored"], [0.9, 0.1])
        (0.0, 0.25)
    """
    right, wrong = (aurc(_instead(labels, label), confidences) for label in ("correct", "incorrect"))
    return None if right is None or wrong is None else (right, wrong)


def _instead(labels: Sequence[Label], of_unscored: Label) -> list[Label]:
    return [of_unscored if label == "unscored" else label for label in labels]


def _by_confidence(labels: Sequence[Label], confidences: Sequence[float]) -> Iterator[_Tied]:
    """Attempted rows, surest first, those of one confidence together."""
    if len(labels) != len(confidences):
        raise UserError(f"{len(labels)} rows have {len(confidences)} confidences", "give one a row")
    attempted = [
        (_number(confidence, row), label == "incorrect")
        for row, (label, confidence) in enumerate(zip(labels, confidences, strict=True))
        if label in ("correct", "incorrect")
    ]
    for confidence, group in groupby(sorted(attempted, reverse=True), key=lambda pair: pair[0]):
        wrong = [error for _, error in group]
        yield _Tied(confidence, len(wrong), sum(wrong))


def _risks(groups: Iterator[_Tied]) -> Iterator[float]:
    """The expected risk for every number of rows kept."""
    before = errors = 0
    for tied in groups:
        share = tied.errors / tied.rows
        yield from ((errors + k * share) / (before + k) for k in range(1, tied.rows + 1))
        before, errors = before + tied.rows, errors + tied.errors


def _number(confidence: object, row: int) -> float:
    if not isinstance(confidence, Real) or math.isnan(confidence):
        raise UserError(f"confidences[{row}] is {confidence!r}", "give a number, higher where the model is surer")
    return float(confidence)
