"""The probability that an attempt is correct, from several signals by logistic regression.

The *attempt* at a row is the reply itself, or the withheld answer if the model abstained. A mix is fitted to attempts
that a judge has labelled, by scikit-learn's `LogisticRegression` on standardised signals with its default L2 penalty
(for answers from retrieved passages see Joren et al. 2025, section 5). A fitted mix consists of a few numbers and needs
only the standard library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.artefacts import MixRecord
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import GOLD_REMOVED, Prediction, Signals

_FEWEST = 5
"""Minimum number of correct attempts, and of incorrect ones, to fit a mix."""

_MORE = "evaluate on more dev questions: add some to dev_questions, or raise held_out_share or max_dev_questions"


def attempt(prediction: Prediction) -> Prediction | None:
    """The attempt at a row: what the model says if it has to answer, with its signals and label.

    Returns:
        The withheld answer if there is one, otherwise the reply; None if that abstains.

    Example:
        >>> tried = Prediction("1", "rag", "Bern", "correct", True, True)
        >>> declined = Prediction("1", "rag", "I don't know.", "abstain", True, True)
        >>> attempt(tried).text, attempt(declined)
        ('Bern', None)
    """
    tried = prediction.withheld or prediction
    return None if tried.label == "abstain" else tried


def question_of(identifier: str) -> str:
    """The id of a row's question, which a counterfactual twin shares with its original row.

    Example:
        >>> question_of("nq-7#gold_removed"), question_of("nq-7")
        ('nq-7', 'nq-7')
    """
    return identifier.removesuffix(GOLD_REMOVED)


@dataclass(frozen=True, slots=True)
class Mix:
    """A logistic mix of signals: it gives the probability that an attempt is correct.

    Args:
        weights: the weight of each signal, in log-odds per unit of the signal.
        intercept: the log-odds if every signal is 0.

    Example:
        >>> mix = Mix((("logprob", 1.0), ("refusal", -2.0)), intercept=0.5)
        >>> mix.confidence((("logprob", -0.5), ("refusal", 0.0)))
        0.5
        >>> mix.confidence((("logprob", -0.5),)) is None
        True
    """

    weights: Signals
    intercept: float

    def confidence(self, signals: Signals) -> float | None:
        """The probability that an attempt with these signals is correct; None if it lacks a signal of the mix."""
        told = dict(signals)
        if not all(math.isfinite(told.get(name, math.nan)) for name, _ in self.weights):
            return None
        log_odds = self.intercept + math.fsum(weight * told[name] for name, weight in self.weights)
        return 0.5 * (1 + math.tanh(log_odds / 2))

    def record(self) -> MixRecord:
        """The mix as JSON data for `read`."""
        return {"weights": dict(self.weights), "intercept": self.intercept}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Mix:
        """The mix of a record."""
        return cls(tuple(sorted(record["weights"].items())), record["intercept"])


def fit_mix(attempts: Sequence[Prediction]) -> Mix:
    """Fit a mix to labelled attempts. The same attempts give the same mix.

    Args:
        attempts: results of `attempt`. Unscored ones are left out. A signal is used if every other attempt has it, with
            more than one value among them.

    Raises:
        UserError: if fewer than 5 attempts are correct, fewer than 5 are incorrect, or there is no such signal.

    Example:
        >>> said = [Prediction(str(i), "rag", "Bern", "correct" if i > 9 else "incorrect", True, True,
        ...                    signals=(("logprob", float(i)),)) for i in range(20)]
        >>> mix = fit_mix(said)
        >>> mix.confidence((("logprob", 2.0),)) < 0.5 < mix.confidence((("logprob", 17.0),))
        True
    """
    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    rows = [said for said in attempts if said.label in ("correct", "incorrect")]
    right = [said.label == "correct" for said in rows]
    if min(sum(right), len(right) - sum(right)) < _FEWEST:
        what = f"{sum(right)} of {len(right)} attempts are correct: to fit a confidence, {_FEWEST} correct ones"
        raise UserError(f"{what} and {_FEWEST} incorrect ones are needed", _MORE)
    signals = [dict(said.signals) for said in rows]
    names = _telling(signals)
    values = np.array([[told[name] for name in names] for told in signals])
    scale = StandardScaler().fit(values)
    fitted = LogisticRegression().fit(scale.transform(values), right)
    weights = fitted.coef_[0] / scale.scale_
    intercept = fitted.intercept_[0] - weights @ scale.mean_
    return Mix(tuple(zip(names, weights.tolist(), strict=True)), float(intercept))


def cross_fitted(attempts: Sequence[Prediction], folds: int = 5, seed: int = 0) -> list[float | None]:
    """The confidence of every attempt, from a mix that was fitted without its question, as for a new question.

    Args:
        attempts: results of `attempt`.
        folds: number of folds of the questions, each left out once.
        seed: seed of the split into folds.

    Returns:
        The probability that the attempt is correct, one per attempt; None if it lacks a signal of its mix.

    Raises:
        UserError: if there are too few questions or attempts for so many folds, or as `fit_mix`, for the attempts
            outside one of the folds.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    right = [said.label == "correct" for said in attempts]
    questions = [question_of(said.id) for said in attempts]
    if min(len(set(questions)), right.count(True), right.count(False)) < folds:
        what = f"{len(set(questions))} questions with {right.count(True)} correct attempts"
        raise UserError(f"{what} are too few for {folds} folds, which each need correct and incorrect ones", _MORE)
    found: list[float | None] = [None] * len(attempts)
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for seen, unseen in parts.split(right, right, questions):
        mix = fit_mix([attempts[place] for place in seen])
        for place in unseen:
            found[place] = mix.confidence(attempts[place].signals)
    return found


def _telling(signals: Sequence[Mapping[str, float]]) -> list[str]:
    """The names of the signals that every row has, with more than one value among the rows."""
    everywhere = sorted(set.intersection(*map(set, signals)))
    names = [
        name
        for name in everywhere
        if all(math.isfinite(told[name]) for told in signals) and len({told[name] for told in signals}) > 1
    ]
    if not names:
        what = "there is no signal that every attempt has, with more than one value"
        raise UserError(what, "evaluate again with retriever scores or log-probabilities, which not every server has")
    return names
