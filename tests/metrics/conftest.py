"""Rows of every kind, and a place of its own for what `evaluate` writes."""

import pytest

PREDICTIONS = ["It is Bern.", "I don't know.", "Basel", "Oslo", "", "The passages do not say.", "Lake Geneva"]
REFERENCES = [["Bern", "Berne"], ["Oslo"], [], "Oslo", ["x"], [], ["Lake Constance", "Bodensee"]]


@pytest.fixture
def columns():
    """Right in a sentence, false refusal, answer where there is none, exact, empty, due refusal, half right."""
    return {"predictions": list(PREDICTIONS), "references": list(REFERENCES)}


@pytest.fixture
def evaluate(tmp_path, monkeypatch):
    """The library, which keeps rows and copies of modules in this test's folder."""
    import evaluate
    import evaluate.config

    monkeypatch.setattr(evaluate.config, "HF_METRICS_CACHE", tmp_path / "rows")
    return evaluate
