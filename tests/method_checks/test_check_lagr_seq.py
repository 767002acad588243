"""LaGR-SEQ's check: what never asking, always asking, gates and random gates get right, and what it costs."""

import check_lagr_seq
import pytest
from check_lagr_seq import Asked, figures
from scripted_reader import Reading

from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence, Question
from hf_selfdemo.methods.gate import GATE_FILE, Gate, Outcome
from hf_selfdemo.verbs import networks

ASKS = Gate((), (), ("who",), {"confidence 1/1, no score, other": -0.5, "confidence 1/1, no score, who": 0.5}, {})


def outcome(text, cheap, expensive):
    return Outcome(Evidence(Question(text, text)), -1.0, cheap, expensive)


FOUND = [outcome("Who?", False, True), outcome("When?", True, False), outcome("Where?", False, True)]


def test_a_gate_chooses_by_state_and_a_random_one_by_chance():
    asked = Asked(FOUND, ASKS)
    assert asked.decisions == [True, False, False] and asked.right == [True, True, False]
    assert asked.random == pytest.approx([1 / 3, 2 / 3, 1 / 3])


def test_figures_of_all_ways_and_states():
    tables = figures(FOUND, FOUND, {"right": ASKS}, {"never": 10, "always": 100, "right": 40})
    ways = tables["Test questions"]
    assert [ways[way]["right"]["hits"] for way in ("never asks", "always asks", "gate, reward right")] == [1, 2, 2]
    assert ways["random, as often as right"]["right"]["value"] == pytest.approx(4 / 9)
    assert ways["gate, reward right"]["against random"]["value"] == pytest.approx(2 / 9)
    assert ways["gate, reward right"]["asked"]["value"] == pytest.approx(1 / 3)
    assert ways["always asks"]["tokens a question"]["value"] == 100
    states = tables["States, on the questions of the fit"]
    assert states["confidence 1/1, no score, other"]["cheap right"]["hits"] == 1
    assert states["confidence 1/1, no score, who"]["value, reward right"]["value"] == 0.5


def test_the_check_runs_at_a_tiny_size(command, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "in_process", Reading)
    check_lagr_seq.main([*command, "--questions", "24", "--tested", "6"])
    record = read_json(tmp_path / "records" / "lagr_seq.json")
    kept = read_json(tmp_path / "runs" / "lagr_seq" / "gain" / GATE_FILE)["gate"]["values"]
    states = record["figures"]["States, on the questions of the fit"]
    assert {state: told["value, reward gain"]["value"] for state, told in states.items()} == kept
    ways = record["figures"]["Test questions"]
    assert ways["never asks"]["right"]["hits"] == 0 < ways["always asks"]["right"]["hits"]
    assert ways["never asks"]["tokens a question"]["value"] < ways["always asks"]["tokens a question"]["value"]
    fit = record["figures"]["Questions of the fit"]
    assert fit["gate, reward gain"]["right"]["hits"] == fit["always asks"]["right"]["hits"], "asks where it ever helps"
    assert record["versions"]["hf-selfdemo"] and str(tmp_path) not in str(record)
