"""The benchmark of likelihoods runs as it stands, with the tiny model: every way tells the same of the same texts."""

import json
import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "likelihood.py"


def test_every_way_is_measured_on_the_same_tokens(model_folder, monkeypatch, capsys):
    sizes = ["--rows=6", "--texts=3", "--passages=1", "--batch_size=3"]
    monkeypatch.setattr(sys, "argv", ["likelihood.py", f"--model={model_folder}", *sizes])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    found = json.loads(capsys.readouterr().out)
    ways = found["ways"]
    assert ways.keys() == found["against_prefill"].keys()
    assert ways.keys() == {"prefill", "apart", "shared", "response_nll", "divergence"}
    assert found["settings"]["questions"] == 2 and found["largest_difference_nats"] < 1e-4
    tokens = ways["apart"]["tokens"]
    assert ways["shared"]["tokens"] == ways["response_nll"]["tokens"] == tokens
    assert found["text_tokens"] < found["computed_when_shared"] < tokens, "prompts are computed once a question"
    for name, one in ways.items():
        assert one["tokens"] == pytest.approx(tokens, rel=0.2) and one["tokens_a_second"] > 0
        ratio = one["tokens_a_second"] / ways["prefill"]["tokens_a_second"]
        assert found["against_prefill"][name] == pytest.approx(ratio, abs=0.01)
