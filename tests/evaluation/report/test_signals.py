"""What the signals of a model are worth, over its attempts."""

import random
from dataclasses import replace

import pytest

from hf_selfdemo.core.types import GOLD_REMOVED, Prediction
from hf_selfdemo.evaluation.report import Column, Comparison, report_figures
from hf_selfdemo.evaluation.report.page import report_page
from hf_selfdemo.evaluation.report.signals import (
    MIX,
    best_signal,
    signal_figures,
    signals_of,
    signals_table,
    tried,
    with_mix,
)


def said(identifier, label, in_context=True, withheld=None, **signals):
    return Prediction(
        str(identifier), "rag", "a text", label, True, in_context, signals=tuple(signals.items()), withheld=withheld
    )


def population(rows=200, seed=0):
    """A third declined, with an answer that was withheld; one signal tells what is right, one is noise."""
    rng, found = random.Random(seed), []
    for i in range(rows):
        right = rng.random() < 0.5
        signals = {"refusal": rng.gauss(0 if right else 1, 1), "logprob": rng.gauss(0, 1)}
        attempt = said(i, "correct" if right else "incorrect", right, **signals)
        declined = replace(attempt, label="abstain", text="I don't know.", withheld=attempt)
        found.append(declined if i % 3 == 0 else attempt)
    return found


def test_a_row_counts_by_its_attempt():
    answer, declined = said(1, "correct", logprob=-0.1), said(2, "abstain", logprob=-0.2)
    withheld = replace(declined, withheld=said(2, "incorrect", logprob=-3.0))
    assert [tried(p).label for p in (answer, declined, withheld)] == ["correct", "abstain", "incorrect"]
    found = signal_figures([answer, withheld])["logprob"]
    assert found["right"]["value"] == 1.0 and found["right"]["rows"] == 2
    assert signal_figures([answer, declined])["logprob"]["right"]["value"] is None, "nothing is known to be wrong"


def test_a_probability_of_a_refusal_speaks_against_an_answer():
    rows = [said(1, "correct", True, refusal=0.1), said(2, "incorrect", False, refusal=0.8)]
    found = signal_figures(rows)["refusal"]
    assert found["right"]["value"] == found["in_context"]["value"] == 1.0


def test_rows_without_a_signal_or_a_label_are_not_counted_as_if_they_had_one():
    rows = [said(1, "correct", refusal=0.1), said(2, "incorrect"), said(3, "unscored", refusal=0.5)]
    found = signal_figures(rows)["refusal"]
    assert (found["right"]["rows"], found["in_context"]["rows"]) == (1, 2)
    assert best_signal(signal_figures(rows), rows) is None, "one attempt has none"


def test_an_interval_holds_what_it_is_about_and_is_wider_where_rows_are_twins():
    """Each row twice is no more evidence than once."""
    rows = population(60)
    twice = [replace(p, id=p.id + suffix) for p in rows for suffix in ("", GOLD_REMOVED)]
    once, both = (signal_figures(found)["refusal"]["right"] for found in (rows, twice))
    assert once["interval"][0] < once["value"] < once["interval"][1]
    assert both["interval"] == pytest.approx(once["interval"], abs=0.03)


def test_a_mix_is_fitted_to_other_questions():
    """With noise alone it is worth nothing, although it fits the rows that it saw."""
    rows = population(300)
    mixed = signal_figures(with_mix(rows))
    assert mixed[MIX]["right"]["value"] == pytest.approx(mixed["refusal"]["right"]["value"], abs=0.05)
    rng = random.Random(1)
    noisy = [
        replace(tried(p), signals=tuple((f"noise{n}", rng.gauss(0, 1)) for n in range(40)))
        for p in population(80, seed=2)
    ]
    assert 0.3 < signal_figures(with_mix(noisy))[MIX]["right"]["value"] < 0.7
    few = population(6)
    assert with_mix(few) == few


def test_the_curve_goes_by_the_best_signal_over_all_attempts():
    rows = population()
    for fits, best in ((False, "refusal"), (True, MIX)):
        found = report_figures(Comparison("", [Column("base", {"rag": rows})], fits_mix=fits))
        curve = found["risk_coverage"]["rag"]["base"]
        assert curve["signal"] == best and curve["points"][-1][0] == 1.0, "withheld answers are attempts"
        assert curve["points"][-1][1] == pytest.approx(sum(tried(p).label == "incorrect" for p in rows) / 200)
        assert set(found["signals"]["rag"]["base"]) == {"refusal", "logprob", *([MIX] if fits else [])}
        assert signals_table(found["signals"]).row_count == len(found["signals"]["rag"]["base"])
        page = report_page(found, [])
        assert "probability of a refusal" in page and ("mix of the signals" in page) == fits
    assert (
        signals_table(report_figures(Comparison("", [Column("base", {"rag": [said(1, "correct")]})]))["signals"])
        is None
    )


def test_signals_of_a_row_are_those_of_the_attempt_and_its_confidence():
    row = replace(said(1, "abstain", withheld=said(1, "correct", refusal=0.75, logprob=-1.0)), confidence=0.2)
    assert signals_of(row) == {"refusal": -0.75, "logprob": -1.0, "confidence": 0.2}
