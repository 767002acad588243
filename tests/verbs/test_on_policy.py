"""The on-policy figure of `demonstrate`: the same rows for all texts, and pairs are told of where there are some."""

import json

import pytest
from asked_rows import worse
from datasets import Dataset

from hf_selfdemo.data.rows import FEATURES, evidence_row
from hf_selfdemo.generation.likelihood import mean_nll, response_nll
from hf_selfdemo.prompting.prompts import render
from hf_selfdemo.recipe.engine import Engine
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.demonstrate import _nats_words, _on_policy


@pytest.fixture
def made(row):
    """A row with a pair, and one without a gold answer, which no figure counts."""
    filled = evidence_row(row) | {
        "response": "Clemens Winkler did.",
        "outcome": "answer",
        "rejected": worse("Courtois."),
    }
    unknown = filled | {"id": "q2", "answers": [], "response": "I don't know.", "outcome": "abstain"}
    return [filled, unknown]


def test_all_texts_of_a_row_are_measured_under_its_prompt(model, tokenizer, row, made):
    dataset = Dataset.from_list(made, features=FEATURES)
    figure = _on_policy(dataset, Engine(None, model, tokenizer), 32, 0)
    prompt = render("rag", row.question.text, row.passages)
    own, gold, rejected = (
        mean_nll(response_nll(model, tokenizer, [prompt], [text]))
        for text in ("Clemens Winkler did.", "Clemens Winkler", "Courtois.")
    )
    assert figure == pytest.approx(
        {
            "rows": 1,
            "target_nll_per_token": own,
            "gold_nll_per_token": gold,
            "answer_rows": 1,
            "answer_target_nll_per_token": own,
            "answer_gold_nll_per_token": gold,
            "rejected_rows": 1,
            "rejected_nll_per_token": rejected,
        },
        rel=1e-5,
    )
    assert _nats_words(figure).endswith(f", rejected texts {rejected:.2f} (rows with a pair: 1)")


def test_rejected_texts_are_told_of_only_where_there_are_pairs(model, tokenizer, made):
    dataset = Dataset.from_list([made[0] | {"rejected": []}], features=FEATURES)
    figure = _on_policy(dataset, Engine(None, model, tokenizer), 32, 0)
    assert figure["rejected_rows"] == 0 and figure["rejected_nll_per_token"] is None
    assert "rejected" not in _nats_words(figure)


@pytest.mark.parametrize(("count", "network"), [(0, True), (32, False)])
def test_nothing_is_measured_where_nothing_is_asked_or_the_model_is_elsewhere(model, tokenizer, made, count, network):
    engine = Engine(None, model if network else None, tokenizer)
    assert _on_policy(Dataset.from_list(made, features=FEATURES), engine, count, 0) == {}


def test_stopped_while_it_is_measured_it_leaves_no_manifest_and_can_be_gone_on_from(own, monkeypatch, tmp_path):
    import hf_selfdemo.verbs.demonstrate as stage

    def stopped(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(stage, "_on_policy", stopped)
        assert main(["demonstrate", *own]) == 130
    path = tmp_path / "run" / "demonstrations" / "manifest.json"
    assert path.with_name("train.parquet").exists() and not path.exists()
    assert main(["train", *own]) == 0
    assert main(["demonstrate", *own]) == 0
    made = json.loads(path.read_text())
    assert made["usage"]["calls"] == 0 and made["model"]["fingerprint"] and made["on_policy"]


def test_few_kept_rows_name_the_section_that_says_what_to_change(own, gold, capsys, tmp_path):
    section = 'more than half of the rows are left out: see "Few rows are kept" in docs/troubleshooting.md'
    assert main(["demonstrate", *gold]) == 0 and section not in " ".join(capsys.readouterr().err.split())
    others = [*own, "--judge=answer_match", f"--output_dir={tmp_path / 'few'}"]
    assert main(["demonstrate", *others]) == 0 and section in " ".join(capsys.readouterr().err.split())
