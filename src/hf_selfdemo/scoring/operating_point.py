"""Where on its curve should a model stand? A threshold over the confidence of its attempts, and what is proven of it.

A model at an operating point answers where the confidence of its attempt reaches the threshold, be the attempt its
reply or an answer that it withheld, and abstains elsewhere. The point is chosen on labelled dev rows, split by
question: on one half the mix is fitted and the thresholds to choose from are drawn, the other half gives the bound.

- Highest *F-score* or *lambda score*: chosen on the first half. The second half bounds the hallucination rate and the
  false refusals at that point (Clopper and Pearson 1934), each for itself.
- *Hallucination* or *false refusals* of at most a limit: Learn then Test (Angelopoulos et al. 2021). Thresholds are
  tested on the second half in a fixed order, from the safest on, by exact binomial tails; the last one before the first
  that fails is taken. So the model answers, or abstains, as often as it can while the limit holds with the level asked
  for.

The *hallucination rate* is the share of all rows that are answered incorrectly. A bound needs independent rows: of a
question and its twin one is drawn. Unscored rows count against the model.
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
"""What a model says that is to abstain and wrote no refusal of its own."""


@dataclass(frozen=True, slots=True)
class Aim:
    """What a point is chosen for.

    Args:
        target: the score that is to be highest, or the rate that is to stay within `limit`.
        limit: the rate that is allowed; of these two targets alone.
        level: how often, over draws of dev questions, what is said of a rate holds at least.
        abstain_value: of the lambda score: what an abstention is worth, where a right answer is worth 1.
        seed: of the halves.

    Raises:
        UserError: for a number out of range, or a limit that is missing or has no use.
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
            raise UserError(f"{self.target} has no limit", "give the largest rate that is allowed, as 0.1")
        if self.target not in _RATES and self.limit is not None:
            raise UserError(f"{self.target} takes no limit", f"leave it out, or aim for one of {', '.join(_RATES)}")
        if self.limit is not None:
            SHARE_BETWEEN.check(limit=self.limit)

    def words(self) -> str:
        """What is aimed for, in words.

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
    """A threshold over a mix of signals, what it was chosen for, and what is proven of it."""

    aim: Aim
    mix: Mix
    threshold: float
    bounds: tuple[Bound, ...]

    def confidence(self, signals: Signals) -> float | None:
        """The mix's."""
        return self.mix.confidence(signals)

    def answers(self, confidence: float | None) -> bool:
        """Whether an attempt of this confidence is given as the answer; one without any never is."""
        return reaches(confidence, self.threshold)

    def record(self) -> dict[str, Any]:
        """All of it for a JSON file; `read` takes it again."""
        return {**asdict(self), "mix": self.mix.record()}

    @classmethod
    def read(cls, record: Any) -> OperatingPoint:
        """The point that a record holds.

        Raises:
            UserError: if its aim is none.
        """
        bounds = tuple(Bound(**bound) for bound in record["bounds"])
        return cls(Aim(**record["aim"]), Mix.read(record["mix"]), record["threshold"], bounds)


def reaches(confidence: float | None, threshold: float) -> bool:
    """Whether an attempt is given as the answer; one whose confidence is not known never is."""
    return confidence is not None and confidence >= threshold


def at_point(prediction: Prediction, point: OperatingPoint) -> Prediction:
    """What becomes of a reply, and of its label, at an operating point.

    Example:
        >>> said = Prediction("1", "rag", "Bern", "incorrect", True, True, signals=(("logprob", -2.0),))
        >>> point = OperatingPoint(Aim("f_score"), Mix((("logprob", 1.0),), 0.0), 0.5, ())
        >>> at_point(said, point).text
        "I don't know."
    """
    return _either_way(prediction, point.mix).at(point.threshold)


def choose_point(predictions: Sequence[Prediction], aim: Aim) -> OperatingPoint:
    """Choose a point on the dev questions.

    Args:
        predictions: labelled replies with passages of one model, with signals.
        aim: what for.

    Raises:
        UserError: if no mix can be fitted, or no threshold is proven to keep the limit; it says how many questions a
            proof takes.
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
    """All thresholds that tell such rows apart, the highest first: between every two confidences, and 0.

    Example:
        >>> thresholds([0.75, None, 0.25, 0.25])
        [0.5, 0.0]
    """
    sure = sorted({one for one in confidences if one is not None}, reverse=True)
    return [(upper + lower) / 2 for upper, lower in pairwise(sure)] + [0.0]


def beside(
    predictions: Sequence[Prediction], point: OperatingPoint, step: float = 0.1
) -> tuple[OperatingPoint, OperatingPoint]:
    """The neighbours of a point on the curve: one that answers fewer rows and one that answers more.

    Args:
        predictions: labelled replies.
        point: on their curve.
        step: share of the rows by which they differ, as far as there are so many.
    """
    sure = [point.confidence((one.withheld or one).signals) for one in predictions]
    answered = {one: sum(reaches(found, one) for found in sure) for one in [*thresholds(sure), point.threshold]}
    wanted = [answered[point.threshold] + sign * step * len(predictions) for sign in (-1, 1)]
    fewer, more = (min(answered, key=lambda one: abs(answered[one] - count)) for count in wanted)
    return replace(point, threshold=fewer, bounds=()), replace(point, threshold=more, bounds=())


_RATES = {"hallucination": "hallucination_rate", "false_refusals": "false_refusals"}
"""The rates that can be limited, as `outcomes.figures` names them."""

_AGAINST = {"hallucination": ("incorrect", "unscored"), "false_refusals": ("abstain", "unscored")}
"""The labels that count against a model; what is unknown does, too."""


class _EitherWay(NamedTuple):
    """A row with the confidence of its attempt, and what is said where that is given and where it is not."""

    confidence: float | None
    answered: Prediction
    declined: Prediction

    def at(self, threshold: float) -> Prediction:
        return self.answered if reaches(self.confidence, threshold) else self.declined


def _either_way(prediction: Prediction, mix: Mix) -> _EitherWay:
    tried = prediction.withheld or prediction
    confidence = mix.confidence(tried.signals)
    failed = prediction.label == "unscored" and confidence is None  # a call failed: what it would be is not known
    declined = replace(prediction, confidence=confidence)
    if not (prediction.withheld or prediction.label == "abstain" or failed):
        declined = replace(declined, text=REFUSAL, label="abstain", withheld=prediction)
    answered = replace(prediction, text=tried.text, label=tried.label, signals=tried.signals, withheld=None)
    return _EitherWay(confidence, replace(answered, confidence=confidence), declined)


def _proven(to_try: Sequence[float], rows: Sequence[_EitherWay], aim: Aim) -> tuple[float, tuple[Bound]]:
    """The last threshold, from the safest on, of which all before it pass, too."""
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
    """Why no threshold is proven to keep a limit, and what to do."""
    assert aim.limit is not None
    needed = rows_needed(aim.limit, aim.level)
    what = f"no point is proven to keep {aim.target} at {aim.limit:g} with level {aim.level:g}"
    if rows < needed:
        short = f"the bound is of {rows} questions, and even without a single fault it takes {needed}"
        return f"{what}: {short}", f"evaluate on {2 * needed} dev questions or more, or allow a higher operating_limit"
    safest = "answers least" if aim.target == "hallucination" else "answers most"
    return (
        f"{what}: where the model {safest}, {hits} of {rows} questions are at fault already",
        "allow a higher operating_limit or a lower operating_level, or evaluate on more dev questions",
    )


def _one_a_question(rows: Sequence[_EitherWay], target: str) -> list[_EitherWay]:
    """Of the rows that a rate is over, one of each question: the last, as they are in random order."""
    over = [one for one in rows if target == "hallucination" or one.answered.answer_in_context]
    return list({question_of(one.answered.id): one for one in over}.values())


def _count(rows: Sequence[_EitherWay], threshold: float, target: str) -> tuple[int, int]:
    """How many rows are at fault at a threshold, and of how many."""
    return sum(one.at(threshold).label in _AGAINST[target] for one in rows), len(rows)


def _score(rows: Sequence[Prediction], aim: Aim) -> float:
    if aim.target == "f_score":
        return f_score(rows)
    return mean_lambda_score([one.label for one in rows], aim.abstain_value) or 0.0


def _halves(predictions: Sequence[Prediction], seed: int) -> tuple[list[Prediction], list[Prediction]]:
    """The rows of one half of the questions and those of the other, each in random order, whatever the order here."""
    draw = random.Random(stable_seed(seed, "operating point"))
    rows = sorted(predictions, key=lambda one: one.id)
    draw.shuffle(rows)
    questions = sorted({question_of(one.id) for one in rows})
    draw.shuffle(questions)
    first = set(questions[: len(questions) // 2])
    halves = [[one for one in rows if (question_of(one.id) in first) is wanted] for wanted in (True, False)]
    return halves[0], halves[1]
