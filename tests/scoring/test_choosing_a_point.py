"""A point is chosen by its target, and what is promised of a rate holds as often as it says."""

import json
import math
import random
from dataclasses import replace
from pathlib import Path

import pytest
from scipy.stats import binom

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import GOLD_REMOVED, Prediction
from hf_selfdemo.scoring.confidence import Mix, question_of
from hf_selfdemo.scoring.operating_point import REFUSAL, Aim, OperatingPoint, at_point, choose_point, thresholds
from hf_selfdemo.scoring.outcomes import f_score, figures

LABELLED = Path(__file__).parents[2] / "benchmarks" / "labelled"

MIX = Mix((("logprob", 1.0),), 0.0)
POINT = OperatingPoint(Aim("f_score"), MIX, 0.5, ())


def said(identifier="1", label="correct", present=True, text="Bern", withheld=None, **signals):
    told = tuple(signals.items())
    return Prediction(identifier, "rag", text, label, present, present, signals=told, withheld=withheld)


def declined(withheld=None, **about):
    return said(label="abstain", text="Not mentioned.", withheld=withheld, **about)


def population(questions, seed, twins=0.3, unscored=0.0):
    """Rows of a model whose chance to be right rises with its log-probability, and which declines some of them."""
    rng, rows = random.Random(seed), []
    for number in range(questions):
        for suffix in ["", *([GOLD_REMOVED] if rng.random() < twins else [])]:
            name, present = f"{number}{suffix}", not suffix and rng.random() < 0.7
            logprob, refusal = rng.gauss(0, 1), rng.random()
            right = rng.random() < 1 / (1 + math.exp(-(3 * logprob - 2 * refusal - 2 + 3 * present)))
            label = "unscored" if rng.random() < unscored else "correct" if right else "incorrect"
            tried = said(name, label, present, logprob=logprob, refusal=refusal)
            kept = rng.random() < refusal / 2
            rows.append(replace(declined(tried, present=present), id=name) if kept else tried)
    return rows


def rate(rows, point, target):
    """The rate as it is promised: every question once, by the mean over its rows."""
    counted = [r for r in rows if target == "hallucination" or r.answer_in_context]
    against = {"hallucination": ("incorrect", "unscored"), "false_refusals": ("abstain", "unscored")}[target]
    faults = {}
    for row in counted:
        faults.setdefault(question_of(row.id), []).append(at_point(row, point).label in against)
    return sum(sum(found) / len(found) for found in faults.values()) / len(faults)


# what becomes of a reply at a point


@pytest.mark.parametrize(
    ("prediction", "text", "label"),
    [
        (said(logprob=1.0), "Bern", "correct"),
        (said(logprob=-1.0), REFUSAL, "abstain"),
        (said(), REFUSAL, "abstain"),  # no confidence: never answered
        (said(label="unscored", logprob=1.0), "Bern", "unscored"),
        (said(label="unscored", logprob=-1.0), REFUSAL, "abstain"),
        (said(label="unscored"), "Bern", "unscored"),  # a call failed
        (declined(), "Not mentioned.", "abstain"),
        (declined(said(label="incorrect", text="Basel", logprob=1.0)), "Basel", "incorrect"),
        (declined(said(label="incorrect", text="Basel", logprob=-1.0)), "Not mentioned.", "abstain"),
        (declined(said(label="incorrect", text="Basel")), "Not mentioned.", "abstain"),
    ],
)
def test_a_reply_at_a_point(prediction, text, label):
    found = at_point(prediction, POINT)
    assert (found.text, found.label) == (text, label)


def test_a_curve_goes_from_declining_everything_to_answering_everything():
    rows = population(50, 0, unscored=0.1)
    everything, nothing = (
        [at_point(row, replace(POINT, threshold=threshold)).label for row in rows] for threshold in (0.0, 1.0)
    )
    assert set(nothing) == {"abstain"}
    assert everything == [(row.withheld or row).label for row in rows]


def test_thresholds_lie_between_confidences():
    assert thresholds([0.2, None, 0.6, 0.2]) == [pytest.approx(0.4), 0.0]


# scores


@pytest.mark.parametrize("seed", range(3))
def test_the_highest_f_score_of_the_first_half_is_taken(seed):
    rows = population(300, seed)
    point = choose_point(rows, Aim("f_score", seed=seed))
    trained, chosen = f_score(rows), f_score([at_point(row, point) for row in rows])
    others = [f_score([at_point(row, replace(point, threshold=t / 20)) for row in rows]) for t in range(20)]
    assert chosen > trained + 0.03 and chosen >= max(others) - 0.02


def test_the_less_an_abstention_is_worth_the_more_is_answered():
    rows = population(400, 1)
    points = [choose_point(rows, Aim("lambda_score", abstain_value=worth)) for worth in (0.05, 0.5, 0.9)]
    answered = [sum(at_point(row, point).label != "abstain" for row in rows) for point in points]
    assert answered == sorted(answered, reverse=True) and len(set(answered)) == 3
    assert points[1].threshold == pytest.approx(0.5, abs=0.2)  # Chow's rule, where the mix is calibrated


def test_a_point_by_score_tells_both_rates_with_bounds():
    point = choose_point(population(200, 2, unscored=0.05), Aim("f_score", level=0.95))
    assert [b.rate for b in point.bounds] == ["hallucination_rate", "false_refusals"]
    assert all(b.hits / b.rows < b.upper < 1 and b.level == 0.95 for b in point.bounds)
    assert point.bounds[0].rows == 100  # each question of the second half once, twins or not


# limits


@pytest.mark.parametrize(("target", "limit"), [("hallucination", 0.15), ("false_refusals", 0.4)])
def test_a_limit_is_used_up_as_far_as_it_is_proven(target, limit):
    rows = population(400, 3)
    point = choose_point(rows, Aim(target, limit))
    [bound] = point.bounds
    assert bound.upper == limit and binom.cdf(bound.hits, bound.rows, limit) <= 0.1
    further = -0.1 if target == "hallucination" else 0.1
    assert rate(rows, point, target) <= limit < rate(rows, replace(point, threshold=point.threshold + further), target)


@pytest.mark.parametrize(
    ("target", "limit", "questions", "complaint"),
    [
        (
            "hallucination",
            0.05,
            60,
            "half of the dev questions, 30, give the bound, and even without an error it needs 45: .* 90 dev questions",
        ),
        ("hallucination", 0.001, 500, "even without an error it needs 2302"),
        ("false_refusals", 0.01, 300, "even without an error it needs 230"),
        ("false_refusals", 0.05, 300, "where the model answers most, .* count as errors already"),
    ],
)
def test_where_nothing_is_proven_there_is_no_point(target, limit, questions, complaint):
    rows = population(questions, 4)
    rows = [replace(row, withheld=None) for row in rows] if target == "false_refusals" else rows
    with pytest.raises(UserError, match=complaint):
        choose_point(rows, Aim(target, limit))


def test_unscored_rows_count_against_the_model():
    """Sure attempts are right here; every fifth of them was not labelled, every fourth row was never answered."""
    rows = [said(str(i), "correct" if i % 2 else "incorrect", logprob=float(i % 2)) for i in range(400)]
    unlabelled = [replace(r, label="unscored") if i % 10 == 1 else r for i, r in enumerate(rows)]
    failed = [said(r.id, "unscored") if i % 4 == 0 else r for i, r in enumerate(rows)]
    assert choose_point(rows, Aim("hallucination", 0.05)).bounds[0].hits == 0
    for spoiled in (unlabelled, failed):
        with pytest.raises(UserError, match=r"where the model answers least, [0-9]+ of 200 questions count as errors"):
            choose_point(spoiled, Aim("hallucination", 0.05))
    assert choose_point(rows, Aim("false_refusals", 0.05)).threshold == 0.0
    with pytest.raises(UserError, match=r"where the model answers most, [0-9]+ of 200 questions count as errors"):
        choose_point(failed, Aim("false_refusals", 0.05))


def test_the_order_of_the_rows_does_not_matter_and_the_seed_does():
    rows = population(200, 6)
    assert choose_point(rows[::-1], Aim("f_score")) == choose_point(rows, Aim("f_score"))
    assert choose_point(rows, Aim("f_score", seed=1)) != choose_point(rows, Aim("f_score"))


def test_a_point_comes_back_from_a_file():
    point = choose_point(population(200, 7), Aim("hallucination", 0.3))
    assert OperatingPoint.read(json.loads(json.dumps(point.record(), sort_keys=True))) == point


@pytest.mark.parametrize(
    ("about", "complaint"),
    [
        ({"target": "hallucination"}, "has no limit"),
        ({"target": "f_score", "limit": 0.1}, "takes no limit"),
        ({"target": "hallucination", "limit": 1.0}, "limit is 1"),
        ({"target": "f_score", "level": 1.0}, "level is 1"),
        ({"target": "lambda_score", "abstain_value": 1.5}, "abstain_value is 1.5"),
    ],
)
def test_an_aim_that_cannot_be_meant_is_refused(about, complaint):
    with pytest.raises(UserError, match=complaint):
        Aim(**about)


# coverage

SPLITS, LEVEL = 200, 0.9
MOST_MISSES = int(binom.ppf(0.999, SPLITS, 1 - LEVEL))
"""33: more misses in 200 splits would happen once in a thousand times if the promised level held exactly."""


def splits(rows, questions):
    """Dev rows of so many questions, drawn again and again, and the rows of all other questions."""
    names = sorted({question_of(row.id) for row in rows})
    for split in range(SPLITS):
        dev = set(random.Random(split).sample(names, questions))
        yield split, *([row for row in rows if (question_of(row.id) in dev) is wanted] for wanted in (True, False))


@pytest.mark.parametrize(("target", "limit"), [("hallucination", 0.15), ("false_refusals", 0.4)])
def test_a_promised_limit_holds_over_200_splits(target, limit):
    rows, misses, unbounded = population(600, 8), 0, 0
    for split, dev, rest in splits(rows, 120):
        misses += rate(rest, choose_point(dev, Aim(target, limit, LEVEL, seed=split)), target) > limit
        unbounded += rate(rest, choose_point(dev, Aim(target, limit, 0.5, seed=split)), target) > limit
    assert misses <= MOST_MISSES < unbounded, "with level .5 a limit is kept by luck"


def test_the_bounds_beside_a_score_hold_over_200_splits():
    rows, misses = population(600, 9), {"hallucination": 0, "false_refusals": 0}
    for split, dev, rest in splits(rows, 120):
        point = choose_point(dev, Aim("f_score", level=LEVEL, seed=split))
        for target, bound in zip(misses, point.bounds, strict=True):
            misses[target] += rate(rest, point, target) > bound.upper
    assert max(misses.values()) <= MOST_MISSES


def test_a_promised_limit_holds_on_labelled_replies_of_models():
    """Replies of three models to real questions, labelled by reading. Their length is what tells right from wrong."""
    lines = [
        line for name in ("tune", "report") for line in (LABELLED / f"replies.{name}.jsonl").open(encoding="utf-8")
    ]
    found = [row for row in map(json.loads, lines) if row["source"] == "generated"]
    rows = [
        said(f"{row['question_id']}", row["label"], text=row["text"], words=float(len(row["text"].split())))
        for row in found
    ]
    misses = proven = 0
    for split, dev, rest in splits(rows, len({row.id for row in rows}) // 2):
        try:
            point = choose_point(dev, Aim("hallucination", 0.3, LEVEL, seed=split))
        except UserError:
            continue
        proven, misses = proven + 1, misses + (rate(rest, point, "hallucination") > 0.3)
    assert proven >= SPLITS // 4 and misses <= MOST_MISSES
    assert figures(rows)["hallucination_rate"].value > 0.5
