"""The risk-coverage curve and the area under it: how well confidence separates correct from incorrect answers.

Terms (El-Yaniv and Wiener 2010; Geifman and El-Yaniv 2017, section 2; the areas in Geifman, Uziel and El-Yaniv 2019):
the k attempted rows with the highest confidence are kept. *Coverage* is their share of the scored rows, and *selective
risk* is the share of incorrect replies among them. Rows on which the model abstained are never kept, so the curve ends
at the share of attempted rows. Unscored rows are left out.

Rows with the same confidence cannot be separated, so the curve has one point for all of them. For each k in between, an
area uses the expected risk if these rows are kept in random order. So no figure depends on the order of the rows. The
area of a constant confidence is the error rate, which is also what a random confidence gets on average.
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
    """A point of the curve: `coverage` and `risk` if all attempted rows of at least this `confidence` are kept."""

    confidence: float
    coverage: float
    risk: float


class _Tied(NamedTuple):
    """The number of attempted rows with the same confidence, and of errors among them."""

    confidence: float
    rows: int
    errors: int


def risk_coverage(labels: Sequence[Label], confidences: Sequence[float]) -> list[Point]:
    """The risk-coverage curve, from the most confident rows to all attempted ones; empty if there are none.

    Args:
        labels: the judge's label of each reply.
        confidences: one number per row, on any scale, higher if the model is more confident. Only those of attempted
            rows are used.

    Raises:
        UserError: if there is not one number per row; the message names the row.

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
    """Area under the risk-coverage curve: the mean selective risk over k = 1, 2, ... kept rows.

    Lower is better. A random confidence is expected to get the error rate of the attempted rows. None if no row was
    attempted, e.g. by a model that always abstains.

    Example:
        >>> aurc(["correct", "incorrect"], [0.9, 0.1]), aurc(["correct", "incorrect"], [0.1, 0.9])
        (0.25, 0.75)
        >>> aurc(["correct", "incorrect"], [0.5, 0.5])
        0.5
    """
    risks = list(_risks(_by_confidence(labels, confidences)))
    return math.fsum(risks) / len(risks) if risks else None


def e_aurc(labels: Sequence[Label], confidences: Sequence[float]) -> float | None:
    """Excess AURC: `aurc` minus that of the best order of the same rows, in which every error comes last.

    It is 0 if every correct answer has a higher confidence than every incorrect one, whatever the error rate. The best
    `aurc` is computed for these rows; the paper's r + (1 - r) ln(1 - r) is its limit for many rows.

    Example:
        >>> e_aurc(["correct", "incorrect"], [0.9, 0.1]), e_aurc(["correct", "incorrect"], [0.1, 0.9])
        (0.0, 0.5)
    """
    area, best = aurc(labels, confidences), aurc(labels, [float(label == "correct") for label in labels])
    return None if area is None or best is None else area - best


def aurc_bounds(labels: Sequence[Label], confidences: Sequence[float]) -> tuple[float, float] | None:
    """The lowest and highest `aurc` if the unscored rows were attempts: all of them correct, or all incorrect.

    Example:
        >>> aurc_bounds(["correct", "unscored"], [0.9, 0.1])
        (0.0, 0.25)
    """
    right, wrong = (aurc(_instead(labels, label), confidences) for label in ("correct", "incorrect"))
    return None if right is None or wrong is None else (right, wrong)


def _instead(labels: Sequence[Label], of_unscored: Label) -> list[Label]:
    return [of_unscored if label == "unscored" else label for label in labels]


def _by_confidence(labels: Sequence[Label], confidences: Sequence[float]) -> Iterator[_Tied]:
    """The attempted rows by confidence, the highest first."""
    if len(labels) != len(confidences):
        raise UserError(f"{len(labels)} rows have {len(confidences)} confidences", "give one per row")
    attempted = [
        (_number(confidence, row), label == "incorrect")
        for row, (label, confidence) in enumerate(zip(labels, confidences, strict=True))
        if label in ("correct", "incorrect")
    ]
    for confidence, group in groupby(sorted(attempted, reverse=True), key=lambda pair: pair[0]):
        wrong = [error for _, error in group]
        yield _Tied(confidence, len(wrong), sum(wrong))


def _risks(groups: Iterator[_Tied]) -> Iterator[float]:
    """The expected risk for each number of kept rows."""
    before = errors = 0
    for tied in groups:
        share = tied.errors / tied.rows
        yield from ((errors + k * share) / (before + k) for k in range(1, tied.rows + 1))
        before, errors = before + tied.rows, errors + tied.errors


def _number(confidence: object, row: int) -> float:
    if not isinstance(confidence, Real) or math.isnan(confidence):
        raise UserError(f"confidences[{row}] is {confidence!r}", "give a number, higher if the model is more confident")
    return float(confidence)
