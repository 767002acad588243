"""Chooses an operating point: a threshold on the confidence of a model's attempts, with bounds on its rates.

At an operating point a model answers if the confidence of its attempt (its reply or its withheld answer) reaches the
threshold, and abstains otherwise. The point is chosen on labelled dev rows, split into halves by question. The first
half is used to fit the mix and to draw the thresholds to choose from, the second half for the bounds.

- Highest *F-score* or *lambda score*: chosen on the first half. The second half bounds the hallucination rate and the
  false refusals at that point (Clopper and Pearson 1934), each separately.
- *Hallucination* or *false refusals* of at most a limit: Learn then Test (Angelopoulos et al. 2021). Exact binomial
  tests check the thresholds on the second half in a fixed order, starting with the safest. The last threshold before
  the first failure is chosen. So the model answers, or abstains, as often as the limit allows at the requested level.

The *hallucination rate* is the share of all rows that are answered incorrectly. A bound needs independent rows, so only
one of a question and its counterfactual twin is drawn. Unscored rows count as errors.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise, takewhile
from typing import Any, Literal, NamedTuple

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import SEED, SHARE, SHARE_BETWEEN
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Prediction, Signals
from hf_selfdemo.scoring.abstention import mean_lambda_score
from hf_selfdemo.scoring.certified import Bound, clopper_pearson, passes, rows_needed
from hf_selfdemo.scoring.confidence import Mix, attempt, fit_mix, question_of
from hf_selfdemo.scoring.outcomes import f_score

REFUSAL = "I don't know."
"""The reply if a model abstains at its operating point but did not write an abstention itself."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What an operating point is chosen for.

    Args:
        target: the score to maximise, or the rate to keep within `limit`.
        limit: the highest allowed rate, a share; only for the targets "hallucination" and "false_refusals".
        level: minimum share of draws of dev questions for which a bound is true.
        abstain_value: score of an abstention in the lambda score, where a correct answer scores 1.
        seed: seed of the split into halves.

    Raises:
        UserError: if a number is out of range, a limit is missing, or the target takes no limit.
    """

    target: Literal["f_score", "lambda_score", "hallucination", "false_refusals"]
    limit: float | None = None
    level: float = 0.9
    abstain_value: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        SHARE_BETWEEN.check(level=self.level)
        SHARE.check(abstain_value=self.abstain_value)
        SEED.check(seed=self.seed)
        if self.target in _RATES and self.limit is None:
            raise UserError(f"{self.target} has no limit", "give the highest rate that is allowed, e.g. 0.1")
        if self.target not in _RATES and self.limit is not None:
            raise UserError(f"{self.target} takes no limit", f"leave it out, or aim for one of {', '.join(_RATES)}")
        if self.limit is not None:
            SHARE_BETWEEN.check(limit=self.limit)

    def words(self) -> str:
        """The aim in words.

        Example:
            >>> Aim("hallucination", 0.1).words(), Aim("lambda_score", abstain_value=0.3).words()
            ('hallucination rate at most 0.1', 'the highest lambda score (abstain_value 0.3)')
        """
        if self.target in _RATES:
            return f"{_RATES[self.target].replace('_', ' ')} at most {self.limit:g}"
        worth = f" (abstain_value {self.abstain_value:g})" if self.target == "lambda_score" else ""
        return f"the highest {'F-score' if self.target == 'f_score' else 'lambda score'}{worth}"


@dataclass(frozen=True, slots=True)
class OperatingPoint:
    """A threshold on a mix of signals, what it was chosen for, and its proven bounds."""

    aim: Aim
    mix: Mix
    threshold: float
    bounds: tuple[Bound, ...]

    def confidence(self, signals: Signals) -> float | None:
        """The probability that an attempt with these signals is correct; None if it lacks a signal of the mix."""
        return self.mix.confidence(signals)

    def answers(self, confidence: float | None) -> bool:
        """Whether an attempt with this confidence is given as the answer; never without a confidence."""
        return reaches(confidence, self.threshold)

    def record(self) -> dict[str, Any]:
        """The point as JSON data for `read`."""
        return {**asdict(self), "mix": self.mix.record()}

    @classmethod
    def read(cls, record: Any) -> OperatingPoint:
        """The point of a record.

        Raises:
            UserError: if its aim is invalid.
        """
        bounds = tuple(Bound(**bound) for bound in record["bounds"])
        return cls(Aim(**record["aim"]), Mix.read(record["mix"]), record["threshold"], bounds)


def reaches(confidence: float | None, threshold: float) -> bool:
    """Whether an attempt with this confidence is given as the answer; never if the confidence is unknown."""
    return confidence is not None and confidence >= threshold


def at_point(prediction: Prediction, point: OperatingPoint) -> Prediction:
    """The prediction at an operating point: the reply, the withheld answer or an abstention, with its label.

    Example:
        >>> said = Prediction("1", "rag", "Bern", "incorrect", True, True, signals=(("logprob", -2.0),))
        >>> point = OperatingPoint(Aim("f_score"), Mix((("logprob", 1.0),), 0.0), 0.5, ())
        >>> at_point(said, point).text
        "I don't know."
    """
    return _either_way(prediction, point.mix).at(point.threshold)


def choose_point(predictions: Sequence[Prediction], aim: Aim) -> OperatingPoint:
    """Choose an operating point on the dev questions.

    Args:
        predictions: labelled replies of one model in the mode "rag", with signals.
        aim: what the point is chosen for.

    Raises:
        UserError: if no mix can be fitted, or no threshold is proven to keep the limit. If there are too few questions
            for a proof, the message says how many are needed.
    """
    halves = _halves(predictions, aim.seed)
    mix = fit_mix([tried for one in halves[0] if (tried := attempt(one))])
    first, second = ([_either_way(one, mix) for one in half] for half in halves)
    to_try = thresholds([one.confidence for one in first])
    if aim.target in _RATES:
        return OperatingPoint(aim, mix, *_proven(to_try, second, aim))
    best = max(to_try, key=lambda threshold: _score([one.at(threshold) for one in first], aim))
    counts = {rate: _count(_one_a_question(second, name), best, name) for name, rate in _RATES.items()}
    bounds = tuple(clopper_pearson(rate, *count, aim.level) for rate, count in counts.items())
    return OperatingPoint(aim, mix, best, bounds)


def thresholds(confidences: Iterable[float | None]) -> list[float]:
    """The thresholds that separate these confidences, highest first: the middle of each neighbouring pair, and 0.

    Example:
        >>> thresholds([0.75, None, 0.25, 0.25])
        [0.5, 0.0]
    """
    sure = sorted({one for one in confidences if one is not None}, reverse=True)
    return [(upper + lower) / 2 for upper, lower in pairwise(sure)] + [0.0]


def beside(
    predictions: Sequence[Prediction], point: OperatingPoint, step: float = 0.1
) -> tuple[OperatingPoint, OperatingPoint]:
    """The neighbours of an operating point: one at which fewer rows are answered, and one at which more are.

    Args:
        predictions: labelled replies of the model.
        point: the operating point.
        step: share of the rows by which the number of answers should differ; the nearest possible number is used.
    """
    sure = [point.confidence((one.withheld or one).signals) for one in predictions]
    answered = {one: sum(reaches(found, one) for found in sure) for one in [*thresholds(sure), point.threshold]}
    wanted = [answered[point.threshold] + sign * step * len(predictions) for sign in (-1, 1)]
    fewer, more = (min(answered, key=lambda one: abs(answered[one] - count)) for count in wanted)
    return replace(point, threshold=fewer, bounds=()), replace(point, threshold=more, bounds=())


_RATES = {"hallucination": "hallucination_rate", "false_refusals": "false_refusals"}
"""The name in `outcomes.figures` of each rate that can be limited, by target."""

_AGAINST = {"hallucination": ("incorrect", "unscored"), "false_refusals": ("abstain", "unscored")}
"""The labels that count as errors, by target. Unscored rows count, too, because they may be errors."""


class _EitherWay(NamedTuple):
    """The confidence of a row's attempt, the prediction if the attempt is given, and that if the model abstains."""

    confidence: float | None
    answered: Prediction
    declined: Prediction

    def at(self, threshold: float) -> Prediction:
        return self.answered if reaches(self.confidence, threshold) else self.declined


def _either_way(prediction: Prediction, mix: Mix) -> _EitherWay:
    tried = prediction.withheld or prediction
    confidence = mix.confidence(tried.signals)
    failed = prediction.label == "unscored" and confidence is None  # a call failed: what it would have said is unknown
    declined = replace(prediction, confidence=confidence)
    if not (prediction.withheld or prediction.label == "abstain" or failed):
        declined = replace(declined, text=REFUSAL, label="abstain", withheld=prediction)
    answered = replace(prediction, text=tried.text, label=tried.label, signals=tried.signals, withheld=None)
    return _EitherWay(confidence, replace(answered, confidence=confidence), declined)


def _proven(to_try: Sequence[float], rows: Sequence[_EitherWay], aim: Aim) -> tuple[float, tuple[Bound]]:
    """The last threshold before the first that fails its test, starting with the safest, and its bound."""
    assert aim.limit is not None
    limit, level, counted = aim.limit, aim.level, _one_a_question(rows, aim.target)
    safest_first = to_try if aim.target == "hallucination" else to_try[::-1]
    counts = ((threshold, *_count(counted, threshold, aim.target)) for threshold in safest_first)
    passed = list(takewhile(lambda count: passes(*count[1:], limit, level), counts))
    if not passed:
        raise UserError(*_unproven(*_count(counted, safest_first[0], aim.target), aim))
    threshold, hits, total = passed[-1]
    return threshold, (Bound(_RATES[aim.target], hits, total, level, limit),)


def _unproven(hits: int, rows: int, aim: Aim) -> tuple[str, str]:
    """Why no threshold is proven to keep the limit, and what to do."""
    assert aim.limit is not None
    needed = rows_needed(aim.limit, aim.level)
    what = f"no threshold is proven to keep {aim.target} within {aim.limit:g} at level {aim.level:g}"
    if rows < needed:
        short = f"half of the dev questions, {rows}, give the bound, and even without an error it needs {needed}"
        remedy = f"evaluate on {2 * needed} dev questions or more, or allow a higher operating_limit"
        return f"{what}: {short}", f"{remedy}; rows of dev_twins do not count"
    safest = "answers least" if aim.target == "hallucination" else "answers most"
    return (
        f"{what}: where the model {safest}, {hits} of {rows} questions count as errors already",
        "allow a higher operating_limit or a lower operating_level, or evaluate on more dev questions",
    )


def _one_a_question(rows: Sequence[_EitherWay], target: str) -> list[_EitherWay]:
    """One random row per question, of the rows that the rate counts: the last one, as the rows are in random order."""
    over = [one for one in rows if target == "hallucination" or one.answered.answer_in_context]
    return list({question_of(one.answered.id): one for one in over}.values())


def _count(rows: Sequence[_EitherWay], threshold: float, target: str) -> tuple[int, int]:
    """The number of errors at a threshold, and the number of rows."""
    return sum(one.at(threshold).label in _AGAINST[target] for one in rows), len(rows)


def _score(rows: Sequence[Prediction], aim: Aim) -> float:
    if aim.target == "f_score":
        return f_score(rows)
    return mean_lambda_score([one.label for one in rows], aim.abstain_value) or 0.0


def _halves(predictions: Sequence[Prediction], seed: int) -> tuple[list[Prediction], list[Prediction]]:
    """The rows of two random halves of the questions, in random order. The order of `predictions` has no effect."""
    draw = random.Random(stable_seed(seed, "operating point"))
    rows = sorted(predictions, key=lambda one: one.id)
    draw.shuffle(rows)
    questions = sorted({question_of(one.id) for one in rows})
    draw.shuffle(questions)
    first = set(questions[: len(questions) // 2])
    halves = [[one for one in rows if (question_of(one.id) in first) is wanted] for wanted in (True, False)]
    return halves[0], halves[1]
