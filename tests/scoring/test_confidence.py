"""Signals become one probability that an attempt is right; what nobody told is never made up."""

import json
import math
import random
from dataclasses import replace

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.scoring import confidence
from hf_selfdemo.scoring.confidence import Mix, attempt, cross_fitted, fit_mix, question_of


def said(identifier, label="correct", withheld=None, **signals):
    return Prediction(
        str(identifier), "rag", "text", label, True, True, signals=tuple(signals.items()), withheld=withheld
    )


def population(rows, seed=0):
    """Attempts that are right with the probability of known log-odds: 1 + 2 logprob - 3 refusal."""
    rng, found = random.Random(seed), []
    for i in range(rows):
        logprob, refusal = rng.gauss(-0.5, 1), rng.random()
        right = rng.random() < 1 / (1 + math.exp(-(1 + 2 * logprob - 3 * refusal)))
        found.append(said(i, "correct" if right else "incorrect", logprob=logprob, refusal=refusal))
    return found


@pytest.mark.parametrize(
    ("prediction", "tried"),
    [
        (said(1), said(1)),
        (said(1, "incorrect"), said(1, "incorrect")),
        (said(1, "abstain", withheld=said(1, "incorrect", logprob=-1.0)), said(1, "incorrect", logprob=-1.0)),
        (said(1, "abstain"), None),
        (said(1, "abstain", withheld=said(1, "abstain")), None),
        (said(1, "abstain", withheld=said(1, "unscored")), said(1, "unscored")),
        (said(1, "unscored"), said(1, "unscored")),
    ],
)
def test_an_attempt_is_the_reply_or_what_was_withheld(prediction, tried):
    assert attempt(prediction) == tried


def test_a_mix_finds_the_log_odds_of_a_known_population():
    mix = fit_mix(population(20_000))
    assert mix.intercept == pytest.approx(1, abs=0.15)
    assert dict(mix.weights) == pytest.approx({"logprob": 2, "refusal": -3}, abs=0.15)


def test_a_mix_does_not_depend_on_the_scale_of_a_signal_nor_on_the_start():
    rows = population(200)
    scaled = [replace(r, signals=(("logprob", r.signals[0][1] * 1000 + 5), r.signals[1])) for r in rows]
    mix = fit_mix(rows)
    assert fit_mix(rows) == mix
    one, other = ([m.confidence(r.signals) for r in told] for m, told in ((mix, rows), (fit_mix(scaled), scaled)))
    assert one == pytest.approx(other, abs=1e-4)


def test_signals_that_some_rows_lack_and_constant_ones_are_left_out():
    rows = [replace(r, signals=(*r.signals, ("constant", 3.0), ("endless", -math.inf))) for r in population(100)]
    rows[7] = replace(rows[7], signals=(*rows[7].signals, ("verdict", 0.5)))
    assert [name for name, _ in fit_mix(rows).weights] == ["logprob", "refusal"]


def test_unscored_attempts_are_not_fitted_on():
    rows = population(100)
    assert fit_mix([*rows, said("x", "unscored")]) == fit_mix(rows)


@pytest.mark.parametrize("signals", [{}, {"logprob": -1.0}, {"logprob": -1.0, "refusal": math.nan}])
def test_without_one_of_its_signals_a_mix_says_nothing(signals):
    assert Mix((("logprob", 1.0), ("refusal", -1.0)), 0.0).confidence(tuple(signals.items())) is None


def test_a_far_signal_overflows_nothing():
    mix = Mix((("score", 1.0),), 0.0)
    assert [mix.confidence((("score", score),)) for score in (-1e6, 1e6)] == [0.0, 1.0]


def test_a_mix_comes_back_from_a_file():
    mix = fit_mix(population(100))
    assert Mix.read(json.loads(json.dumps(mix.record(), sort_keys=True))) == mix


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ([], "0 of 0 attempts are correct"),
        ([said(i, logprob=i) for i in range(50)], "50 of 50 attempts are correct"),
        ([said(i, "correct" if i < 4 else "incorrect", logprob=i) for i in range(50)], "4 of 50 attempts are correct"),
        ([said(i, "correct" if i % 2 else "incorrect") for i in range(50)], "there is no signal"),
        ([said(i, "correct" if i % 2 else "incorrect", score=1.0) for i in range(50)], "there is no signal"),
    ],
)
def test_what_cannot_be_fitted_is_refused(rows, complaint):
    with pytest.raises(UserError, match=complaint):
        fit_mix(rows)


def test_cross_fitting_asks_a_mix_that_never_saw_the_question(monkeypatch):
    rows = population(120)
    rows = [replace(r, id=f"{i // 2}{'#gold_removed' * (i % 2)}") for i, r in enumerate(rows)]
    fitted = []

    def spy(seen):
        fitted.append({question_of(r.id) for r in seen})
        return fit_mix(seen)

    monkeypatch.setattr(confidence, "fit_mix", spy)
    found = cross_fitted(rows, folds=4, seed=1)
    everything = {question_of(r.id) for r in rows}
    left_out = [everything - seen for seen in fitted]
    assert len(left_out) == 4 and all(left_out) and set().union(*left_out) == everything
    for r, value in zip(rows, found, strict=True):
        [fold] = [place for place, out in enumerate(left_out) if question_of(r.id) in out]
        alone = fit_mix([other for other in rows if question_of(other.id) not in left_out[fold]])
        assert value == alone.confidence(r.signals)


def test_cross_fitting_too_few_questions_is_refused():
    with pytest.raises(UserError, match="too few for 5 folds"):
        cross_fitted(population(4))
