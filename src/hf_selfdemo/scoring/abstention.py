"""Is an abstention worth what it costs? Figures that weigh abstaining against answering, and what they could have been.

`outcomes.figures` counts; here stand the figures that follow from the counts and are no shares themselves, the value of
each for a model that never answers, and the bounds within which unscored rows leave it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product
from numbers import Real

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Label, Prediction
from hf_selfdemo.scoring.outcomes import Rate, f_score, figures

Values = Mapping[str, float | None]
"""Figures by name; None where there is nothing to count."""


def lambda_score(label: Label, abstain_value: float) -> float | None:
    """What one reply is worth: 1 if correct, `abstain_value` if it abstains, 0 if incorrect, None if unscored.

    A model that wants to score high answers just where it is right with a chance above `abstain_value`: Chow's rule
    (Chow 1970), with the costs of error 1 and of rejection 1 - `abstain_value`. `AbstentionReward` uses this
    very function; None says there that a reply has no reward.

    Args:
        label: what a judge says of the reply.
        abstain_value: from 0, where guessing is free, to 1, where abstaining is as good as being right.

    Raises:
        UserError: if `abstain_value` is no number from 0 to 1, or the label is none.

    Example:
        >>> [lambda_score(label, 0.4) for label in ("correct", "abstain", "incorrect", "unscored")]
        [1.0, 0.4, 0.0, None]
    """
    if not isinstance(abstain_value, Real) or not 0 <= abstain_value <= 1:
        raise UserError(f"abstain_value is {abstain_value!r}", "choose one from 0 (an error) to 1 (a correct answer)")
    worth = {"correct": 1.0, "abstain": float(abstain_value), "incorrect": 0.0, "unscored": None}
    if label not in worth:
        raise UserError(f"the label {label!r} is unknown", "known are " + ", ".join(worth))
    return worth[label]


def mean_lambda_score(labels: Sequence[Label], abstain_value: float) -> float | None:
    """The mean of `lambda_score` over the scored rows; None if there are none. Always abstaining gets `abstain_value`.

    Example:
        >>> mean_lambda_score(["correct", "abstain", "incorrect", "unscored"], 0.5)
        0.5
    """
    worth = [score for label in labels if (score := lambda_score(label, abstain_value)) is not None]
    return sum(worth) / len(worth) if worth else None


def abstention_f1(predictions: Sequence[Prediction]) -> float | None:
    """F1 of abstaining, where an abstention is due if no shown passage holds the answer: 2 TP / (2 TP + FP + FN).

    The harmonic mean of abstention precision and recall. None if no abstention was made and none was due.

    Example:
        >>> rows = [Prediction("1", "rag", "I don't know.", "abstain", True, True),
        ...         Prediction("2", "rag", "I don't know.", "abstain", False, False)]
        >>> round(abstention_f1(rows), 3)
        0.667
    """
    return _f1(figures(predictions))


def abstention_figures(predictions: Sequence[Prediction], abstain_value: float = 0.5) -> dict[str, float | None]:
    """All shares of `outcomes.figures` as numbers, with `f_score`, `abstention_f1` and `lambda_score`.

    Args:
        predictions: labelled replies of one model in one mode.
        abstain_value: as in `lambda_score`.

    Example:
        >>> found = abstention_figures([Prediction("1", "rag", "Bern", "correct", True, True)])
        >>> found["f_score"], found["lambda_score"], found["abstention_f1"]
        (1.0, 1.0, None)
    """
    rates = figures(predictions)
    found = {name: rate.value for name, rate in rates.items() if name != "unscored"}
    found["f_score"] = f_score(predictions) if rates["accuracy"].total else None
    found["abstention_f1"] = _f1(rates)
    found["lambda_score"] = mean_lambda_score([p.label for p in predictions], abstain_value)
    return found


def always_abstaining(predictions: Sequence[Prediction]) -> list[Prediction]:
    """The same rows, answered by a model that never answers: what to print beside every figure.

    Example:
        >>> figures(always_abstaining([Prediction("1", "rag", "Bern", "correct", True, True)]))["false_refusals"].value
        1.0
    """
    return [replace(p, text="I don't know.", label="abstain") for p in predictions]


def bounds(
    predictions: Sequence[Prediction], statistic: Callable[[Sequence[Prediction]], Values]
) -> dict[str, tuple[float, float] | None]:
    """Between which values each figure would lie if the unscored rows had been scored; None if it has none at all.

    Exact for every figure of `abstention_figures`: each rises or falls steadily with the number of unscored rows of
    one kind that get one label, so that its extremes lie where all of one kind (passages with the answer, passages
    without, or questions without one) get the same.

    Args:
        predictions: labelled replies.
        statistic: figures of such a list.

    Example:
        >>> rows = [Prediction("1", "rag", "Bern", "correct", True, True),
        ...         Prediction("2", "rag", "", "unscored", True, True)]
        >>> bounds(rows, abstention_figures)["accuracy"]
        (0.5, 1.0)
    """
    possible = [statistic(relabelled) for relabelled in _relabelled(predictions)]
    found: dict[str, tuple[float, float] | None] = {}
    for name in possible[0]:
        known = [value for values in possible if (value := values[name]) is not None]
        found[name] = (min(known), max(known)) if known else None
    return found


def _f1(rates: Mapping[str, Rate]) -> float | None:
    made, due = rates["abstention_precision"], rates["abstention_recall"]
    return 2 * made.hits / (made.total + due.total) if made.total + due.total else None


def _relabelled(predictions: Sequence[Prediction]) -> list[list[Prediction]]:
    """The rows as they are, if all are scored, else with each kind of unscored rows under each label."""
    kinds = sorted({(p.answerable, p.answer_in_context) for p in predictions if p.label == "unscored"})
    labels: tuple[Label, ...] = ("correct", "incorrect", "abstain")
    chosen = [dict(zip(kinds, choice, strict=True)) for choice in product(labels, repeat=len(kinds))]
    return [[_labelled(p, given) for p in predictions] for given in chosen]


def _labelled(p: Prediction, given: Mapping[tuple[bool, bool], Label]) -> Prediction:
    return replace(p, label=given[p.answerable, p.answer_in_context]) if p.label == "unscored" else p
