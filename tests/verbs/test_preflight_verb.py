"""`hf-selfdemo preflight` looks at a run's demonstrations as training would, and loads no weights."""

import json
import re
import shutil

import pytest

from hf_selfdemo.training import parameters
from hf_selfdemo.verbs.cli import main


@pytest.fixture
def made(gold):
    """The recipe with its demonstrations made."""
    assert main(["demonstrate", *gold]) == 0
    return gold


@pytest.fixture
def shown(capsys):
    """What a preflight prints when all is well."""

    def text(*arguments):
        capsys.readouterr()
        assert main(["preflight", *arguments]) == 0
        return " ".join(capsys.readouterr().out.split())

    return text


@pytest.fixture
def other_model(model_folder, tmp_path):
    """The model in a folder of its own, its generation config changed."""

    def make(**changes):
        folder = tmp_path / "other"
        shutil.copytree(model_folder, folder)
        path = folder / "generation_config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))
        return f"--model_name_or_path={folder}"

    return make


@pytest.mark.usefixtures("no_weights")
def test_the_report_is_that_of_training_and_no_weights_are_loaded(made, shown, tmp_path):
    text = shown(*made)
    assert "rows 4 (answer 4)" in text and "tokens, up to" in text and "the trained text is green" in text
    assert "<|im_start|>assistant" in text and "<|im_end|>" in text and "warning" not in text
    assert not (tmp_path / "run/model").exists()


@pytest.fixture
def no_weights(made, monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("weights are not needed")

    monkeypatch.setattr("hf_selfdemo.recipe.recipe.load_model", refuse)


def test_its_figures_are_those_in_the_manifest_of_the_model(made, shown, manifest):
    text = shown(*made)
    assert main(["train", *made]) == 0
    report = manifest("model")["preflight"]
    assert f"tokens {report['tokens']:,} an epoch, longest row {report['longest']:,}" in text


def test_the_verdict_is_the_last_line_and_what_train_then_does(made, shown, refused, tmp_path):
    text = shown(*made)
    [tokens] = re.findall(r"tokens ([\d,]+) an epoch, longest", text)
    assert text.endswith(f"verdict: ready to train (4 rows, {tokens} tokens an epoch)")
    assert main(["train", *made, "--save_strategy=steps", "--save_steps=1"]) == 0
    model = tmp_path / "run/model"
    assert f"verdict: {model} is trained already (4 rows" in shown(*made)
    line = refused("preflight", *made, "--learning_rate=0.5")
    assert line == refused("train", *made, "--learning_rate=0.5").replace("hf-selfdemo: ", _NOT_READY)
    assert "learning_rate (there 0.0002, now 0.5)" in line
    (model / "manifest.json").unlink()
    assert "verdict: ready to train, from checkpoint-4 on (4 rows" in shown(*made)


_NOT_READY = "hf-selfdemo: not ready to train: "


@pytest.mark.parametrize(
    "flags",
    [
        ["--max_length=16"],
        ["--lora_target_modules=nowhere"],
        ["--start_from=nowhere"],
        ["--dev_questions=embedded", "--max_dev_questions=2", "--metric_for_best_model=nothing"],
        ["--report_to=wandb"],
    ],
    ids=["rows", "modules", "start", "best", "tracker"],
)
def test_what_train_rejects_makes_the_verdict_negative_in_the_same_words(made, refused, monkeypatch, flags):
    monkeypatch.setattr(parameters, "get_available_reporting_integrations", lambda: [])
    line = refused("preflight", *made, *flags)
    assert line.startswith(_NOT_READY)
    assert refused("train", *made, *flags) == line.replace(_NOT_READY, "hf-selfdemo: ")


def test_without_demonstrations_there_is_nothing_to_look_at(gold, refused):
    assert "contains no demonstrations: run `hf-selfdemo demonstrate`" in refused("preflight", *gold)


def test_rows_that_do_not_fit_are_refused(made, refused):
    said = refused("preflight", *made, "--max_length=16")
    assert "needs more than max_length 16 tokens even without passages (and 3 more: " in said


def test_dev_questions_that_are_trained_on_are_refused_where_they_choose(made, shown, refused):
    same = [*made, "--dev_questions", "embedded", "--dev_split=train", "--max_dev_questions=4", "--eval_strategy=epoch"]
    assert "has a question that is trained on (and 3 more: " in shown(*same)
    best = ["--metric_for_best_model=accuracy", "--load_best_model_at_end=true"]
    assert "has a question that is trained on (and 3 more: " in refused("preflight", *same, *best)


def test_test_questions_that_are_trained_on_are_warned_of(made, shown):
    assert "warning: test row" in shown(*made, "--test_split=train", "--max_test_questions=4")


def test_another_writer_and_a_model_that_does_not_stop_are_warned_of(made, shown, other_model):
    text = shown(*made, other_model(eos_token_id=0))
    assert "warning: the demonstrations were written by" in text
    assert "but generation does not stop there: the model's generation config has eos_token_id [0]" in text


def test_a_model_without_a_generation_config_has_that_of_its_config(made, shown, other_model, tmp_path):
    flag = other_model()
    (tmp_path / "other/generation_config.json").unlink()
    assert "but generation does not stop there" not in shown(*made, flag)


@pytest.mark.parametrize("kind", [[], ["--use_peft=false"]], ids=["adapter", "whole"])
def test_what_was_trained_from_the_writer_learns_its_own_words(made, shown, tmp_path, kind):
    assert main(["train", *made, *kind]) == 0
    text = shown(*made, *kind, f"--start_from={tmp_path / 'run/model'}", "--variant=further")
    assert "rows 4 (answer 4)" in text and "warning" not in text


def test_what_was_trained_from_another_model_does_not(made, shown, other_model, tmp_path):
    flag = other_model(eos_token_id=[2, 5])
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tmp_path / "run", elsewhere)
    assert main(["train", *made, flag, f"--output_dir={elsewhere}"]) == 0
    text = shown(*made, flag, f"--start_from={elsewhere / 'model'}")
    assert "warning: the demonstrations were written by" in text


def test_pairs_are_looked_at_where_they_are_trained(own, shown):
    assert main(["demonstrate", *own]) == 0
    assert "rejected:" in shown(*own, "--objective=dpo") and "rejected:" not in shown(*own)


def test_the_verb_is_in_the_usage(capsys):
    assert main(["--help"]) == 0
    assert "\n  preflight " in capsys.readouterr().out
