"""CORGI's check: sessions from their traces, and the share that satisfied all critics by each attempt."""

import check_corgi
import pytest
from check_corgi import CONTROL, METHOD, figures, sessions

from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.methods.corgi import Corgi, Improvement
from hf_selfdemo.recipe import engine

ROWS = [Evidence(Question(f"q{i}", "Who did it?", ("Bo",)), (Passage("a", "Bo did."),)) for i in range(2)]
ANSWERER = Corgi(Improvement(3, ["cites", "grounded", "at_most_words"]), 24)


def said(*attempts, label="correct"):
    trace = [(f"attempt {n}", text) for n, text in enumerate(attempts, 1)]
    return Prediction("q", "rag", attempts[-1], label, True, True, trace=tuple(trace))


def test_sessions_are_those_of_the_traces():
    first, second = sessions(ROWS, [said("Bo", "Bo [1]"), said("Cy [1]", "Cy [1]", "I don't know.")], ANSWERER)
    assert (first.satisfied_at, second.satisfied_at) == (2, 3) and len(second.made) == 3


def test_shares_are_cumulative_over_attempts():
    models = {
        "base": [said("Bo", "Bo", "Bo"), said("Bo", "Bo [1]")],
        CONTROL: [said("Bo", "Bo", "Bo"), said("", "Bo [1]")],
        METHOD: [said("Bo [1]"), said("Bo", "Bo", "I don't know.", label="abstain")],
    }
    found = figures(ROWS, models, ANSWERER)
    by = found["Satisfied all critics by"]
    values = {name: [figure["value"] for figure in columns.values()] for name, columns in by.items()}
    assert values == {
        "base": [0, 0.5, 0.5],
        CONTROL: [0, 0.5, 0.5],
        METHOD: [0.5, 0.5, 1],
        "two attempts against one": [0.5, 0, 0.5],
    }
    one = {name: figure["value"] for name, figure in found["Satisfied at the first attempt"][CONTROL].items()}
    assert one == {"cites": 0, "grounded": 0.5, "at_most_words": 0.5}, "a blank reply satisfies nobody"
    best = {name: figure["value"] for name, figure in found["Best attempts"][METHOD].items()}
    assert best == pytest.approx({"score": 1, "right": 0.5, "declined": 0.5, "attempts": 2})


def test_the_check_runs_at_a_tiny_size(command, tmp_path, monkeypatch):
    """Scripted replies cite as soon as they are asked to."""
    monkeypatch.setattr(
        engine,
        "in_process",
        lambda recipe, network, tokenizer: ScriptedGenerator(lambda r: "It [1]" if len(r.messages) > 1 else "It"),
    )
    small = [
        *("--questions", "4", "--tested", "2", "--steps", "2", "--max_completion_length", "3", "--train_tokens", "0")
    ]
    check_corgi.main([*command, *small, "--per_device_train_batch_size", "4", "--lora_target_modules", "q_proj"])
    record = read_json(tmp_path / "records" / "corgi.json")
    assert record["arms"][METHOD]["training"]["steps"] == record["arms"][CONTROL]["training"]["steps"] == 2
    by = record["figures"]["Satisfied all critics by"]
    assert (by["base"]["attempt 1"]["value"], by["base"]["attempt 2"]["value"]) == (0, 1)
    assert str(tmp_path) not in str(record)
