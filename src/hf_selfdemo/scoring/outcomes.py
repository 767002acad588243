"""Computes figures from labelled predictions: shares of the three outcomes, by whether the passages contain the answer.

Terms (A.3 of the evaluation in Finlayson et al. 2025; attempted and F-score as in SimpleQA, Wei et al. 2024):

- *accuracy*, *hallucination rate*, *abstention rate*: shares of correct, incorrect and abstaining replies among all
  scored rows;
- *accuracy given attempted*: correct over correct + incorrect; *F-score*: harmonic mean of it and accuracy;
- *abstention precision*: the share of abstentions on rows where no shown passage contains the answer, among all
  abstentions; *abstention recall*: their share among all such rows;
- *false refusals*: the share of abstentions among rows whose passages contain the answer.

Unscored rows do not enter any figure. Their number is given, and bounds say how much they could change a figure.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from hf_selfdemo.core.types import Prediction


@dataclass(frozen=True, slots=True)
class Rate:
    """A share `hits`/`total` with its 95% Wilson interval; `value` and `interval` are None if `total` is 0."""

    hits: int
    total: int

    @property
    def value(self) -> float | None:
        return self.hits / self.total if self.total else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Wilson score interval (Wilson 1927). Unlike the normal one it is reliable for small counts and at 0 or 1."""
        if not self.total:
            return None
        z, n, p = 1.959964, self.total, self.hits / self.total
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
        return max(0.0, min(p, middle - half)), min(1.0, max(p, middle + half))  # p, because rounding may exclude it


def figures(predictions: Sequence[Prediction]) -> dict[str, Rate]:
    """The rates of one model's predictions in one mode, by name.

    Args:
        predictions: labelled replies of one model, either with passages or closed-book.

    Example:
        >>> rows = [Prediction("1", "rag", "Paris", "correct", True, True),
        ...         Prediction("2", "rag", "I don't know.", "abstain", False, False)]
        >>> figures(rows)["abstention_recall"].value
        1.0
    """
    scored = [p for p in predictions if p.label != "unscored"]
    present = [p for p in scored if p.answer_in_context]
    absent = [p for p in scored if not p.answer_in_context]
    unanswerable = [p for p in scored if not p.answerable]
    answerable = [p for p in scored if p.answerable]
    attempted = [p for p in scored if p.label != "abstain"]
    abstained = [p for p in scored if p.label == "abstain"]
    return {
        "accuracy": _share(scored, "correct"),
        "hallucination_rate": _share(scored, "incorrect"),
        "abstention_rate": _share(scored, "abstain"),
        "accuracy_given_attempted": _share(attempted, "correct"),
        "accuracy_answerable": _share(answerable, "correct"),
        "accuracy_in_context": _share(present, "correct"),
        "hallucination_not_in_context": _share(absent, "incorrect"),
        "abstention_precision": Rate(sum(not p.answer_in_context for p in abstained), len(abstained)),
        "abstention_recall": _share(absent, "abstain"),
        "abstention_recall_unanswerable": _share(unanswerable, "abstain"),
        "false_refusals": _share(present, "abstain"),
        "unscored": Rate(len(predictions) - len(scored), len(predictions)),
    }


def f_score(predictions: Sequence[Prediction]) -> float:
    """Harmonic mean of accuracy and accuracy given attempted, 0 if nothing is correct (SimpleQA's F-score).

    Example:
        >>> f_score([Prediction("1", "rag", "I don't know.", "abstain", True, True)])
        0.0
    """
    rates = figures(predictions)
    accuracy, given = rates["accuracy"].value or 0.0, rates["accuracy_given_attempted"].value or 0.0
    return 2 * accuracy * given / (accuracy + given) if accuracy + given else 0.0


def bootstrap(
    statistic: Callable[..., float], *columns: Sequence[Prediction], seed: int = 0, resamples: int = 1000
) -> tuple[float, float]:
    """95% percentile bootstrap interval of `statistic(*columns)`. All columns are resampled by the same rows.

    Args:
        statistic: a function of as many lists of predictions as there are columns.
        columns: lists of equal length; row i of each belongs to the same question.
        seed: seed of the resampling.
        resamples: number of resamples.

    Raises:
        ValueError: if there are no rows or the columns differ in length.
    """
    if not columns or not columns[0] or len({len(c) for c in columns}) != 1:
        raise ValueError("bootstrap needs columns of the same, non-zero length")
    rng, n = random.Random(seed), len(columns[0])
    values = []
    for _ in range(resamples):
        picks = [rng.randrange(n) for _ in range(n)]
        values.append(statistic(*([column[i] for i in picks] for column in columns)))
    values.sort()
    return values[int(0.025 * resamples)], values[min(resamples - 1, int(0.975 * resamples))]


def unscored_bounds(predictions: Sequence[Prediction], label: str) -> tuple[float, float]:
    """The share of `label` if every unscored row had another label, and if every unscored row had this label."""
    if not predictions:
        return 0.0, 1.0
    hits = sum(p.label == label for p in predictions)
    unscored = sum(p.label == "unscored" for p in predictions)
    return hits / len(predictions), (hits + unscored) / len(predictions)


def _share(predictions: Iterable[Prediction], label: str) -> Rate:
    rows = list(predictions)
    return Rate(sum(p.label == label for p in rows), len(rows))


def is_verified(winner: str, others: Collection[str]) -> bool:
    """Whether a winner is verified: it is correct, or it abstains and no label in `others` is "correct".

    Example:
        >>> is_verified("abstain", ["incorrect"]), is_verified("abstain", ["correct"])
        (True, False)
    """
    return winner == "correct" or (winner == "abstain" and "correct" not in others)
