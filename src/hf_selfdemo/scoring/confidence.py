"""How likely is an attempt right? One probability made of several signals, by logistic regression.

Every row has an *attempt*: the reply itself, or the answer that was withheld where the model abstained. The mix is
fitted on attempts that a judge has labelled, on standardised signals and with an L2 penalty, as scikit-learn's
`LogisticRegression` has it (for answers from retrieved passages see Joren et al. 2025, section 5).
A fitted mix is a handful of numbers, and needs the standard library alone.
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
"""Right attempts, and wrong ones, below which nothing can be learnt of them."""

_MORE = "evaluate on more dev questions: raise max_dev_questions or dev_twins"


def attempt(prediction: Prediction) -> Prediction | None:
    """What a model would say of a row if it had to answer, with the signals and the label of that.

    Returns:
        The withheld answer where there is one, else the reply; None if that abstains.

    Example:
        >>> tried = Prediction("1", "rag", "Bern", "correct", True, True)
        >>> declined = Prediction("1", "rag", "I don't know.", "abstain", True, True)
        >>> attempt(tried).text, attempt(declined)
        ('Bern', None)
    """
    tried = prediction.withheld or prediction
    return None if tried.label == "abstain" else tried


def question_of(identifier: str) -> str:
    """The question of a row: a leave-gold-out twin has that of its sibling.

    Example:
        >>> question_of("nq-7#gold_removed"), question_of("nq-7")
        ('nq-7', 'nq-7')
    """
    return identifier.removesuffix(GOLD_REMOVED)


@dataclass(frozen=True, slots=True)
class Mix:
    """A logistic mix of signals: the probability that an attempt is right.

    Args:
        weights: by signal, on the scale of the signal.
        intercept: the log-odds where every signal is 0.

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
        """The probability that an attempt with these signals is right; None if one of the mix's signals is absent."""
        told = dict(signals)
        if not all(math.isfinite(told.get(name, math.nan)) for name, _ in self.weights):
            return None
        log_odds = self.intercept + math.fsum(weight * told[name] for name, weight in self.weights)
        return 0.5 * (1 + math.tanh(log_odds / 2))

    def record(self) -> MixRecord:
        """Its numbers for a JSON file; `read` takes them again."""
        return {"weights": dict(self.weights), "intercept": self.intercept}

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Mix:
        """The mix that a record holds."""
        return cls(tuple(sorted(record["weights"].items())), record["intercept"])


def fit_mix(attempts: Sequence[Prediction]) -> Mix:
    """Fit a mix to labelled attempts. The same attempts give the same mix.

    Args:
        attempts: what `attempt` gives. Of their signals those count that every scored one has and that are not the same
            everywhere; unscored ones are left out.

    Raises:
        UserError: if fewer than 5 are right or fewer than 5 are wrong, or there is no such signal.

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
        what = f"{sum(right)} of {len(right)} attempts are right: a confidence needs {_FEWEST} right ones"
        raise UserError(f"{what} and {_FEWEST} wrong ones to be fitted", _MORE)
    signals = [dict(said.signals) for said in rows]
    names = _telling(signals)
    values = np.array([[told[name] for name in names] for told in signals])
    scale = StandardScaler().fit(values)
    fitted = LogisticRegression().fit(scale.transform(values), right)
    weights = fitted.coef_[0] / scale.scale_
    intercept = fitted.intercept_[0] - weights @ scale.mean_
    return Mix(tuple(zip(names, weights.tolist(), strict=True)), float(intercept))


def cross_fitted(attempts: Sequence[Prediction], folds: int = 5, seed: int = 0) -> list[float | None]:
    """The confidence of every attempt by a mix that was fitted without its question: what new questions would get.

    Args:
        attempts: what `attempt` gives.
        folds: parts of the questions, each left out once.
        seed: of the parts.

    Returns:
        One a row; None for attempts that lack a signal of their mix.

    Raises:
        UserError: as `fit_mix`, for the rows that are left by one of the parts.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    right = [said.label == "correct" for said in attempts]
    questions = [question_of(said.id) for said in attempts]
    if min(len(set(questions)), right.count(True), right.count(False)) < folds:
        what = f"{len(set(questions))} questions, {right.count(True)} attempts at them right,"
        raise UserError(f"{what} are too few for {folds} parts", _MORE)
    found: list[float | None] = [None] * len(attempts)
    parts = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    for seen, unseen in parts.split(right, right, questions):
        mix = fit_mix([attempts[place] for place in seen])
        for place in unseen:
            found[place] = mix.confidence(attempts[place].signals)
    return found


def _telling(signals: Sequence[Mapping[str, float]]) -> list[str]:
    """The signals that every row has, with more than one value."""
    everywhere = sorted(set.intersection(*map(set, signals)))
    names = [
        name
        for name in everywhere
        if all(math.isfinite(told[name]) for told in signals) and len({told[name] for told in signals}) > 1
    ]
    if not names:
        what = "there is no signal that every attempt has and that differs among them"
        raise UserError(what, "evaluate again, with a model that runs here: servers tell no signals")
    return names
