"""Small recipes: gold targets where only training matters, the model's own words where rounds do."""

import json
import shutil

import pytest
from safetensors.torch import load_file, save_file

from hf_selfdemo.verbs.cli import main

_SMALL = [
    *("--passages_per_question=2", "--max_train_unanswerable=0", "--max_test_questions=3", "--max_test_unanswerable=0"),
    *("--max_answer_tokens=4", "--evaluate_modes", "rag", "--num_train_epochs=2", "--per_device_train_batch_size=2"),
    *("--lora_r=2", "--use_cpu", "--on_policy_rows=2", "--meter_rows=2", "--max_dev_tokens=3", "--dev_modes", "rag"),
]


@pytest.fixture
def gold(model_folder, tmp_path):
    """Four rows with gold targets in two epochs of two steps: what training needs, and nothing asked of the model."""
    return [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", "--method=ra_it"),
        *("--max_train_questions=4", *_SMALL),
    ]


@pytest.fixture
def own(brief_model, tmp_path):
    """A few rows in the model's own words, with pairs; the tournament always has a winner, right or not."""
    return [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={brief_model}", "--judge=tournament"),
        *("--max_train_questions=4", "--max_candidate_tokens=12", "--rag_candidates=2", "--closed_book_candidates=0"),
        *("--refusal_candidates=1", "--max_abstain_share=1", *_SMALL),
    ]


@pytest.fixture
def dev():
    """Dev questions of the embedded corpus, with and without an answer."""
    return ["--dev_questions", "embedded", "--max_dev_questions=2", "--max_dev_unanswerable=1", "--dev_twins=1"]


@pytest.fixture
def refused(capsys):
    """The one line with which a command refuses."""

    def line(*arguments):
        assert main(list(arguments)) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert lines[-1].startswith("hf-selfdemo: ") and not any("Traceback" in line for line in lines), lines
        return lines[-1]

    return line


@pytest.fixture
def said(capsys):
    """What a command prints on standard error, on one line."""

    def line(*arguments):
        assert main(list(arguments)) == 0
        return " ".join(capsys.readouterr().err.split())

    return line


@pytest.fixture
def manifest(tmp_path):
    """Reads a manifest of the run by its folder."""
    return lambda folder: json.loads((tmp_path / "run" / folder / "manifest.json").read_text())


@pytest.fixture
def two_models(gold, model_folder, tmp_path):
    """Flags of two models besides the base: a copy, and one whose last states are turned round."""
    for name in ("copy", "other"):
        shutil.copytree(model_folder, tmp_path / name)
    weights = load_file(tmp_path / "other/model.safetensors")
    weights["model.norm.weight"] = weights["model.norm.weight"] * -1
    save_file(weights, tmp_path / "other/model.safetensors", {"format": "pt"})
    return [*gold, "--adapters", f"copy={tmp_path / 'copy'}", f"other={tmp_path / 'other'}"]
