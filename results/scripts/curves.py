"""Computes a model's outcomes at every threshold on its confidence: a curve from answering nothing to everything.

The *attempt* at a row is the reply itself, or the withheld answer if the model abstained. Its confidence is a logistic
mix of its signals. The mix is fitted on the same model's dev rows, or, if there are none, on the other questions of the
set itself. At a threshold, all attempts with a higher confidence are answers, even if the model withheld them.
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
    """Shares of all scored rows by threshold: answered, answered incorrectly, answered correctly."""

    answered: Array
    incorrect: Array
    correct: Array


def curve(replies: Replies, confidence: Sequence[float | None]) -> Curve:
    """The curve of one model.

    Rows with an unscored attempt are left out. Rows without an attempt or a confidence are answered at no threshold.
    Attempts with equal confidence are answered at the same threshold.

    Args:
        replies: the replies of one model.
        confidence: the confidence of each attempt.

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
    """The mean curve over the seeds, taken at equal shares of answered rows."""
    shares = _COVERAGES[min(one.answered[-1] for one in curves) + 1e-9 >= _COVERAGES]
    incorrect, correct = (
        np.mean([np.interp(shares, one.answered, values) for one, values in zip(curves, column, strict=True)], axis=0)
        for column in ([one.incorrect for one in curves], [one.correct for one in curves])
    )
    return Curve(shares, incorrect, correct)


def system_curve(study: Study, which: str, system: System) -> Curve | None:
    """The curve of a row of the tables, averaged over its seeds; None if a seed has no confidence on any row."""
    mode = BASE_MODES.get(system.name, "rag")
    sure = [
        confidences(replies, dev_replies(study, record, mode))
        for record, replies in zip(system.records, system.shown, strict=False)
    ]
    if not sure or any(all(one is None for one in seed) for seed in sure):
        return None
    return mean_curve([curve(replies, seed) for replies, seed in zip(system.shown, sure, strict=True)])


def confidences(replies: Replies, dev: Replies) -> list[float | None]:
    """The confidence of each attempt, by a mix that was not fitted on its label; None if it cannot be computed.

    Args:
        replies: the replies of one model.
        dev: its replies to dev rows, on which the mix is fitted. If there are none, or they have no signals, the mix is
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
    except UserError:  # too few correct or too few incorrect attempts to fit a mix
        known = {}
    return [known.get(said.id) if said else None for said in attempts]


def _tell(attempts: Sequence[Prediction]) -> bool:
    """Whether any attempt has signals."""
    return any(said.signals for said in attempts)
