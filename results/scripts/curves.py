"""What a model's replies would be at every threshold over its confidence: a curve from answering nothing to everything.

Every row has an *attempt*: the reply itself, or the answer that was withheld where the model abstained. Its confidence
is a logistic mix of the attempt's signals, fitted on the same model's dev rows, or, where these have not been asked, on
the other questions of the set itself. A threshold shows the attempts that are surer, whether the model withheld them or
not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from figures import BASE_MODES, Replies, System
from points import dev_replies
from records import Study

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.report.resampling import Array
from hf_selfdemo.scoring.confidence import attempt, cross_fitted, fit_mix

_COVERAGES = np.linspace(0, 1, 201)


class Curve(NamedTuple):
    """Shares of all scored rows, one a threshold: answered, of them incorrect and correct."""

    answered: Array
    incorrect: Array
    correct: Array


def curve(replies: Replies, confidence: Sequence[float | None]) -> Curve:
    """The curve of one model.

    Rows whose attempt is unscored count nowhere. Rows without an attempt or a confidence are answered at no threshold.
    Attempts that are equally sure are shown together, or none of them.

    Args:
        replies: of one model.
        confidence: of each attempt.

    Example:
        >>> said = [Prediction("1", "rag", "Bern", "correct", True, True),
        ...         Prediction("2", "rag", "Rome", "incorrect", True, True)]
        >>> curve(said, [0.9, 0.2]).correct.tolist(), curve(said, [0.9, 0.2]).incorrect.tolist()
        ([0.0, 0.5, 0.5], [0.0, 0.0, 0.5])
    """
    tried = [(attempt(p), sure) for p, sure in zip(replies, confidence, strict=True)]
    scored = [(said, sure) for said, sure in tried if said is None or said.label != "unscored"]
    sure = np.array([one for said, one in scored if said is not None and one is not None], dtype=np.float64)
    right = np.array([said.label == "correct" for said, one in scored if said is not None and one is not None])
    thresholds, place = np.unique(-sure, return_inverse=True)
    shown, correct = (np.bincount(place, weights, len(thresholds)) for weights in (None, right))
    answered = np.concatenate([[0], np.cumsum(shown)]) / max(len(scored), 1)
    of_them = np.concatenate([[0], np.cumsum(correct)]) / max(len(scored), 1)
    return Curve(answered, answered - of_them, of_them)


def mean_curve(curves: Sequence[Curve]) -> Curve:
    """The mean over the seeds, where each has answered the same share of its rows."""
    shares = _COVERAGES[min(one.answered[-1] for one in curves) + 1e-9 >= _COVERAGES]
    incorrect, correct = (
        np.mean([np.interp(shares, one.answered, values) for one, values in zip(curves, column, strict=True)], axis=0)
        for column in ([one.incorrect for one in curves], [one.correct for one in curves])
    )
    return Curve(shares, incorrect, correct)


def system_curve(study: Study, which: str, system: System) -> Curve | None:
    """The curve of a row of the tables, averaged over its seeds; None if its replies have no signals to be sure by."""
    mode = BASE_MODES.get(system.name, "rag")
    sure = [
        confidences(replies, dev_replies(study, record, mode))
        for record, replies in zip(system.records, system.shown, strict=False)
    ]
    if not sure or any(all(one is None for one in seed) for seed in sure):
        return None
    return mean_curve([curve(replies, seed) for replies, seed in zip(system.shown, sure, strict=True)])


def confidences(replies: Replies, dev: Replies) -> list[float | None]:
    """How sure a model is of each attempt, by a mix that never saw its label; None where nothing tells it.

    Args:
        replies: of one model.
        dev: its replies to dev rows, which the mix is fitted on; if there are none, or they tell no signals, it is
            fitted on the other questions of `replies`.
    """
    attempts = [attempt(p) for p in replies]
    fitted = [said for p in dev if (said := attempt(p))]
    there = [said for said in attempts if said]
    try:
        if _tell(fitted):
            mix = fit_mix(fitted)
            return [mix.confidence(said.signals) if said else None for said in attempts]
        known = dict(zip((said.id for said in there), cross_fitted(there), strict=True)) if _tell(there) else {}
    except UserError:  # too few right ones, or too few wrong ones, to learn anything from
        known = {}
    return [known.get(said.id) if said else None for said in attempts]


def _tell(attempts: Sequence[Prediction]) -> bool:
    """Whether the attempts have signals at all."""
    return any(said.signals for said in attempts)
