"""Knowledge packing's check: what was learnt, and what moved among the facts that no arm trained."""

import check_knowledge_packing
from check_knowledge_packing import figures
from easy_facts import easy_facts

from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.recipe import engine

UNKNOWN, MAYBE, KNOWN = "unknown", "maybe_known", "highly_known"


def test_easy_facts_are_questions_of_their_own_with_an_answer():
    facts = easy_facts()
    assert len({row["question"] for row in facts}) == len({row["id"] for row in facts}) == len(facts) > 150
    assert all(len(row["answers"]) == 1 and row["answers"][0] for row in facts)
    answers = {row["question"]: row["answers"][0] for row in facts}
    assert answers["Which day comes after Monday?"] == "Tuesday" and answers["What is the opposite of hot?"] == "cold"
    assert answers["What is the capital of Argentina?"] == "Buenos Aires"


def test_shifts_are_counted_over_what_no_arm_trained():
    before = {"u1": UNKNOWN, "u2": UNKNOWN, "u3": UNKNOWN, "k1": KNOWN, "k2": KNOWN, "k3": KNOWN, "m": MAYBE}
    after = {"u1": KNOWN, "u2": MAYBE, "u3": KNOWN, "k1": KNOWN, "k2": UNKNOWN, "k3": MAYBE, "m": UNKNOWN}
    trained = {"unknown_alone": {"u1", "u2"}, "knowledge_packing": {"u1", "u2", "k1"}}
    found = figures(before, dict.fromkeys(trained, after), trained, {})["Facts"]
    method = {name: (one["hits"], one["total"]) for name, one in found["knowledge_packing"].items()}
    assert method == {
        "reliability": (1, 2),
        "trained, right at least once": (2, 2),
        "mixed in, still known": (1, 1),
        "positive shift": (1, 1),
        "unknown, now right at least once": (1, 1),
        "negative shift": (1, 2),
        "known, no longer always right": (2, 2),
    }
    assert found["unknown_alone"]["mixed in, still known"]["value"] is None
    assert found["unknown_alone"]["negative shift"]["total"] == 2  # k1 is trained by the other arm
    assert found["change by mixing in"]["negative shift"]["value"] == 0
    assert "mixed in, still known" not in found["change by mixing in"]  # the control mixes nothing in


def test_declining_is_told_by_what_is_in_context():
    def said(label, in_context):
        return Prediction("q", "rag", "", label, True, in_context)

    shown = [said("abstain", True), said("correct", True), said("abstain", False), said("unscored", False)]
    found = figures({}, {}, {"knowledge_packing": set()}, {"base": {"rag": shown, "closed_book": shown}})
    row = {name: (one["hits"], one["total"]) for name, one in found["Test questions"]["base"].items()}
    assert row == {
        "closed-book: right": (1, 3),
        "closed-book: declined": (2, 3),
        "answer in context: right": (1, 2),
        "answer in context: declined": (1, 2),
        "not in context: declined": (1, 1),
    }


def test_the_check_runs_at_a_tiny_size(command, tmp_path, monkeypatch):
    """Scripted replies: capitals are known, languages sometimes, and nothing else."""
    answers = {row["question"]: row["answers"][0] for row in easy_facts()}

    def reply(request):
        asked = request.messages[-1]["content"].partition("Question: ")[2].partition("\n")[0]
        known = "capital" in asked or ("language" in asked and request.id.endswith("/0"))
        return answers.get(asked, "no idea") if known else "no idea"

    monkeypatch.setattr(engine, "in_process", lambda recipe, network, tokenizer: ScriptedGenerator(reply))
    check_knowledge_packing.main([*command, "--questions", "4", "--unknown", "3", "--tested", "4"])
    record = read_json(tmp_path / "records" / "knowledge_packing.json")
    assert record["sizes"]["trained"] == {"unknown_alone": 3, "knowledge_packing": 6}
    assert record["sizes"]["probed"]["maybe_known"] > 10
    facts = record["figures"]["Facts"]["knowledge_packing"]
    assert (facts["reliability"]["hits"], facts["reliability"]["total"]) == (0, 3)
    assert facts["mixed in, still known"]["value"] == 1 and facts["negative shift"]["value"] == 0
    assert str(tmp_path) not in str(record)
