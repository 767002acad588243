"""Figures that weigh abstaining against answering, their values for a model that always abstains, and their bounds.

`outcomes.figures` computes shares. This module computes figures from them that are not shares of rows, and bounds on
how far the unscored rows could change a figure.
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
"""Figures by name; None if no row counts towards a figure."""


def lambda_score(label: Label, abstain_value: float) -> float | None:
    """The score of one reply: 1 if correct, `abstain_value` if it abstains, 0 if incorrect, None if unscored.

    The expected score is highest if a model answers only where its answer is correct with a probability above
    `abstain_value`. This is Chow's rule (Chow 1970), with cost 1 for an error and 1 - `abstain_value` for a rejection.
    `AbstentionReward` uses this function; None means there that a reply has no reward.

    Args:
        label: the judge's label of the reply.
        abstain_value: score of an abstention, from 0 (guessing costs nothing) to 1 (as good as a correct answer).

    Raises:
        UserError: if `abstain_value` is not a number from 0 to 1, or the label is unknown.

    Example:
        >>> [lambda_score(label, 0.4) for label in ("correct", "abstain", "incorrect", "unscored")]
        [1.0, 0.4, 0.0, None]
    """
    if not isinstance(abstain_value, Real) or not 0 <= abstain_value <= 1:
        raise UserError(f"abstain_value is {abstain_value!r}", "give a number from 0 (incorrect) to 1 (correct)")
    worth = {"correct": 1.0, "abstain": float(abstain_value), "incorrect": 0.0, "unscored": None}
    if label not in worth:
        raise UserError(f"the label {label!r} is unknown", "use one of " + ", ".join(worth))
    return worth[label]


def mean_lambda_score(labels: Sequence[Label], abstain_value: float) -> float | None:
    """The mean `lambda_score` of the scored rows; None if there are none. Always abstaining scores `abstain_value`.

    Example:
        >>> mean_lambda_score(["correct", "abstain", "incorrect", "unscored"], 0.5)
        0.5
    """
    worth = [score for label in labels if (score := lambda_score(label, abstain_value)) is not None]
    return sum(worth) / len(worth) if worth else None


def abstention_f1(predictions: Sequence[Prediction]) -> float | None:
    """F1 of abstaining: 2 TP / (2 TP + FP + FN). A model should abstain if no shown passage contains the answer.

    This is the harmonic mean of abstention precision and recall. None if no reply abstains and none should.

    Example:
        >>> rows = [Prediction("1", "rag", "I don't know.", "abstain", True, True),
        ...         Prediction("2", "rag", "I don't know.", "abstain", False, False)]
        >>> round(abstention_f1(rows), 3)
        0.667
    """
    return _f1(figures(predictions))


def abstention_figures(predictions: Sequence[Prediction], abstain_value: float = 0.5) -> dict[str, float | None]:
    """The rates of `outcomes.figures` without `unscored`, and `f_score`, `abstention_f1` and `lambda_score`.

    Args:
        predictions: labelled replies of one model in one mode.
        abstain_value: score of an abstention, as in `lambda_score`.

    Returns:
        Figures by name; None if no row counts towards a figure.

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
    """The same rows with an abstention as every reply: a baseline to print beside every figure.

    Example:
        >>> figures(always_abstaining([Prediction("1", "rag", "Bern", "correct", True, True)]))["false_refusals"].value
        1.0
    """
    return [replace(p, text="I don't know.", label="abstain") for p in predictions]


def bounds(
    predictions: Sequence[Prediction], statistic: Callable[[Sequence[Prediction]], Values]
) -> dict[str, tuple[float, float] | None]:
    """The lowest and highest value that each figure could have if the unscored rows were scored; None if it has none.

    Exact for every figure of `abstention_figures`: each is monotonic in the number of unscored rows of one kind that
    get one label, so it is lowest and highest where all rows of a kind get the same label. The kinds are rows with the
    answer in the passages, rows without it, and unanswerable questions.

    Args:
        predictions: labelled replies.
        statistic: a function that computes figures from a list of predictions.

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
    """One copy of the rows for each way to label the kinds of unscored rows; one unchanged copy if all are scored."""
    kinds = sorted({(p.answerable, p.answer_in_context) for p in predictions if p.label == "unscored"})
    labels: tuple[Label, ...] = ("correct", "incorrect", "abstain")
    chosen = [dict(zip(kinds, choice, strict=True)) for choice in product(labels, repeat=len(kinds))]
    return [[_labelled(p, given) for p in predictions] for given in chosen]


def _labelled(p: Prediction, given: Mapping[tuple[bool, bool], Label]) -> Prediction:
    return replace(p, label=given[p.answerable, p.answer_in_context]) if p.label == "unscored" else p
