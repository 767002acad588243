"""CORGI from a recipe: trained in sessions, asked in sessions, and told so by manifests and cards."""

import json

import pytest

from hf_selfdemo.hub.model import model_artefact
from hf_selfdemo.methods.method import recorded_method
from hf_selfdemo.verbs.cli import main


@pytest.fixture
def corgi(gold):
    keys = [
        *("--method=corgi", "--attempts=2", "--critics", "cites", "declines_right", "at_most_words", "--most_words=3"),
        *("--num_generations=2", "--per_device_train_batch_size=4", "--max_completion_length=4", "--max_steps=2"),
        *("--max_feedback_tokens=80", "--train_twins=1"),
    ]
    dropped = ("--method=", "--per_device", "--num_train", "--max_train_unanswerable")
    return [*(flag for flag in gold if not flag.startswith(dropped)), "--max_train_unanswerable=0", *keys]


def test_it_runs_from_questions_to_a_table_and_its_cards_say_how(corgi, manifest, tmp_path, capsys):
    assert main(["preflight", *corgi]) == 2 and main(["run", *corgi]) == 0
    model = tmp_path / "run" / "model"
    made = manifest("model")
    told = {name: made["settings"][name] for name in ("objective", "attempts", "critics", "max_feedback_tokens")}
    assert told == {
        "objective": "grpo",
        "attempts": 2,
        "critics": {"cites": 1.0, "declines_right": 1.0, "at_most_words": 1.0},
        "max_feedback_tokens": 80,
    }
    steps = [line for line in made["log"] if "loss" in line]
    assert len(steps) == 2 and all(1 <= line["attempts"] <= 2 and "satisfied_by_2" in line for line in steps)
    assert recorded_method(model).answerer(4).most_calls == 2
    evaluated = manifest("evaluation")
    assert evaluated["answerers"]["tuned"].startswith("corgi/")
    assert evaluated["asking"]["tuned"]["rag"]["calls"] <= 2 * evaluated["asking"]["base"]["rag"]["calls"]
    capsys.readouterr()
    assert main(["preflight", *corgi]) == 0 and main(["train", *corgi]) == 0
    assert "is trained already" in capsys.readouterr().err
    card = " ".join(model_artefact(tmp_path / "run", "me/mine", base_model="org/base").files["README.md"].split())
    assert "In training it answered each in up to 2 attempts with critique between them" in card
    assert "conversations of attempts and critique, with the score of the best attempt as reward" in card
    assert "attempts: 2" in card and "declines_right: 1.0" in card and "reward_judge" not in card
    assert "needs up to 2 calls per question" in card


def test_other_critics_are_another_training(corgi, refused, tmp_path):
    assert main(["demonstrate", *corgi]) == main(["train", *corgi]) == 0
    line = refused("train", *corgi, "--attempts=3")
    assert "attempts" in line and "to keep both, add --variant 2" in line


def test_what_cannot_be_held_is_refused_by_its_key_before_training(corgi, refused, tmp_path):
    assert main(["demonstrate", *corgi]) == 0
    for verb in ("preflight", "train"):
        assert "may need 88 tokens" in refused(verb, *corgi, "--max_length=80")
        assert "unknown critic 'cite': did you mean 'cites'" in refused(verb, *corgi, "--critics", "cite")
    assert "method 'corgi' makes no data for it" in refused(
        "train", f"--output_dir={tmp_path / 'run'}", "--method=corgi", "--objective=sft"
    )
    assert json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())["usage"]["calls"] == 0
