"""Figures as data: all that the page shows, ready for JSON."""

import json
from dataclasses import replace

import pytest
from made_up import comparison, drawn, evidence, moved, replies

from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.report import Column, Comparison, report_figures
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import Aim, OperatingPoint, at_point


@pytest.fixture(scope="module")
def planted():
    """Forty hallucinations become abstentions, in the second model alone."""
    before = replies(evidence(500), drawn(500))
    after = moved(before, "incorrect", "abstain", 40, in_context=False)
    return Comparison("planted", [Column(n, {"rag": p}) for n, p in (("a", before), ("b", before), ("c", after))])


def test_they_survive_json(planted):
    found = report_figures(planted)
    assert json.loads(json.dumps(found)) == json.loads(json.dumps(found, default=pytest.fail))
    assert found["compared"] == ["a", "b", "c"] and list(found["columns"]) == ["a", "b", "c"]


def test_a_planted_shift_is_in_every_figure_it_bears_on(planted):
    found = report_figures(planted)
    same, changed = found["changes"]
    assert (same["before"], same["after"], changed["after"]) == ("a", "b", "c")
    assert all(change["change"] == 0 for change in same["figures"])
    recall = next(change for change in changed["figures"] if change["figure"] == "abstention_recall")
    assert recall["change"] == pytest.approx(40 / found["rows"]["rag"]["not_in_context"])
    assert (recall["gained"], recall["lost"]) == (40, 0)
    outcomes = found["outcomes"]["rag"]["not_in_context"]
    assert outcomes["c"]["abstain"]["hits"] - outcomes["a"]["abstain"]["hits"] == 40
    assert found["refusals"]["rag"]["abstained"]["c"] - found["refusals"]["rag"]["abstained"]["a"] == 40


def test_outcomes_are_split_by_what_the_passages_hold(planted):
    found = report_figures(planted)
    for name in ("a", "c", "always abstain"):
        groups = {group: found["outcomes"]["rag"][group][name] for group in ("all", "in_context", "not_in_context")}
        for label in ("correct", "incorrect", "abstain"):
            hits = [groups[group][label]["hits"] for group in ("all", "in_context", "not_in_context")]
            assert hits[0] == hits[1] + hits[2]
    assert found["outcomes"]["rag"]["all"]["always abstain"]["abstain"]["value"] == 1
    assert found["always_abstain"]["rag"]["abstention_recall"]["value"] == 1


def test_unscored_replies_are_wrong_nowhere_and_bounded_everywhere():
    rows = evidence(90)
    labels = drawn(90)
    hidden = ["unscored" if i % 3 == 0 else label for i, label in enumerate(labels)]
    columns = [Column("base", {"rag": replies(rows, labels)}), Column("tuned", {"rag": replies(rows, hidden)})]
    found = report_figures(Comparison("made up", columns))
    tuned = found["outcomes"]["rag"]["all"]["tuned"]
    assert tuned["unscored"]["hits"] == 30 and tuned["incorrect"]["total"] == 60
    low, high = tuned["incorrect"]["bounds"]
    assert (low, high) == (tuned["incorrect"]["hits"] / 90, (tuned["incorrect"]["hits"] + 30) / 90)
    assert "bounds" not in found["outcomes"]["rag"]["all"]["base"]["incorrect"]
    [pair] = found["changes"]
    assert pair["pairs"] == 60 and sum(line["unscored"] for line in pair["transitions"]["all"].values()) == 30


def test_wordings_of_refusals_are_counted_by_model():
    said = {"base": ["I don't know.", "I DON'T  know!", "No idea."], "tuned": ["I don't know."] * 3}
    columns = [
        Column(name, {"rag": [Prediction(str(i), "rag", t, "abstain", True, True) for i, t in enumerate(texts)]})
        for name, texts in said.items()
    ]
    found = report_figures(Comparison("", columns))["refusals"]["rag"]
    assert found["abstained"] == {"base": 3, "tuned": 3} and found["wordings"] == {"base": 2, "tuned": 1}
    assert found["phrases"][0]["count"] == {"base": 2, "tuned": 3} and found["phrases"][1]["count"]["base"] == 1
    assert found["others"] == {"base": 0, "tuned": 0}


def test_rare_wordings_are_counted_together():
    texts = [f"{word}{word} {word} cannot be told." for word in "abcdefghijklmnopqrstuvw"]
    rows = [Prediction(str(i), "rag", text, "abstain", True, True) for i, text in enumerate(texts)]
    found = report_figures(Comparison("", [Column("base", {"rag": rows})]))["refusals"]["rag"]
    listed = sum(line["count"]["base"] for line in found["phrases"])
    assert listed + found["others"]["base"] == found["abstained"]["base"] == 23 and len(found["phrases"]) <= 12


def test_risk_is_drawn_only_where_every_attempt_has_a_confidence():
    rows = replies(evidence(20), drawn(20))
    sure = [replace(p, confidence=i / 20) for i, p in enumerate(rows)]
    attempted = next(i for i, p in enumerate(rows) if p.label != "abstain")
    partly = [replace(p, confidence=None) if i == attempted else p for i, p in enumerate(sure)]
    columns = [Column("none", {"rag": rows}), Column("sure", {"rag": sure}), Column("partly", {"rag": partly})]
    curves = report_figures(Comparison("", columns))["risk_coverage"]["rag"]
    assert list(curves) == ["sure"]
    coverage, risk = curves["sure"]["points"][-1]
    assert coverage == sum(p.label != "abstain" for p in rows) / 20
    assert risk == pytest.approx(sum(p.label == "incorrect" for p in rows) / 20 / coverage)


def test_a_model_stands_on_its_curve_where_its_point_puts_it():
    rows = [
        Prediction(
            str(i), "rag", "Bern", "correct" if i % 4 else "incorrect", True, True, signals=(("logprob", i / 10),)
        )
        for i in range(20)
    ]
    point = OperatingPoint(Aim("f_score"), Mix((("logprob", 1.0),), 0.0), 0.7, ())
    chosen = [at_point(p, point) for p in rows]
    columns = [Column("tuned", {"rag": rows}), Column("tuned_at_point", {"rag": chosen})]
    curves = report_figures(Comparison("", columns))["risk_coverage"]["rag"]
    kept = [p.label for p in chosen if p.label != "abstain"]
    assert 0 < len(kept) < 20
    assert curves["tuned"]["stands"] == pytest.approx([1.0, 0.25])
    assert curves["tuned_at_point"]["stands"] == pytest.approx([len(kept) / 20, kept.count("incorrect") / len(kept)])
    declined = [replace(p, label="abstain", withheld=p) for p in rows]
    found = report_figures(Comparison("", [Column("never", {"rag": declined})]))["risk_coverage"]["rag"]
    assert found["never"]["stands"] is None and found["never"]["points"]


def test_cost_is_what_was_called_now_and_before():
    usage = {"calls": 3, "prompt_tokens": 30, "cached_tokens": 10, "generated_tokens": 6}
    record = {"usage": usage, "reused": usage, "training": {"demonstrations": {"usage": usage, "reused": {}}}}
    found = report_figures(Comparison("", [Column("base", {"rag": replies(evidence(2), drawn(2))}, record)]))["cost"]
    assert found["base"]["evaluating"] == {key: 2 * n for key, n in usage.items()} | {"reused_calls": 3}
    assert found["base"]["demonstrating"] == usage | {"reused_calls": 0}


def test_columns_must_have_the_same_rows():
    rows = replies(evidence(3), drawn(3))
    with pytest.raises(ValueError, match="same rag rows"):
        Comparison("", [Column("base", {"rag": rows}), Column("tuned", {"rag": rows[:2]})])
    assert comparison(3).modes == ["rag", "closed_book"]
