"""Training from a recipe: objectives, dev questions, going on from an earlier training or an interrupted one."""

import json
import math
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file
from transformers import Trainer

from hf_selfdemo.cli import main, parse
from hf_selfdemo.stages.train import _training_keys

BEST = ["--load_best_model_at_end=true", "--learning_rate=0.01"]


def weights(folder):
    return load_file(Path(folder) / "adapter_model.safetensors")


def equal(one, other):
    return one.keys() == other.keys() and all(bool((one[name] == other[name]).all()) for name in one)


@pytest.fixture
def made(gold):
    """The recipe with its demonstrations made."""
    assert main(["demonstrate", *gold]) == 0
    return gold


@pytest.fixture
def stop_at(monkeypatch):
    """Interrupt the n-th training step from now on, once; tells how many steps were begun in all."""
    begun, step = [], Trainer.training_step

    def plan(number):
        def counted(self, *args, **kwargs):
            begun.append(self.state.global_step)
            if len(begun) == number:
                raise KeyboardInterrupt
            return step(self, *args, **kwargs)

        monkeypatch.setattr(Trainer, "training_step", counted)
        return begun

    return plan


def test_dev_questions_are_asked_every_epoch_and_the_best_checkpoint_is_the_result(
    made, dev, manifest, tmp_path, capsys
):
    assert main(["train", *made, *dev, *BEST, "--metric_for_best_model=hallucination_rate"]) == 0
    said, found = " ".join(capsys.readouterr().err.split()), manifest("model")
    assert "asking 4 dev rows" in said and "set by what was given: eval_strategy epoch, save_strategy epoch" in said
    assert [figures["epoch"] for figures in found["dev"]] == [1, 2] and found["dev"][0]["abstention_rate"] == 0
    assert found["best"] == {"metric": "hallucination_rate", "value": 1, "checkpoint": "checkpoint-2", "loaded": True}
    model = tmp_path / "run/model"
    assert equal(weights(model), weights(model / "checkpoint-2"))
    assert not equal(weights(model), weights(model / "checkpoint-4"))
    assert found["preflight"]["rows"] == found["rows_trained"] == 4
    assert set(found["on_policy"]) == {"base", "tuned"} and found["settings"]["dev"]


def test_without_dev_questions_nothing_is_asked_and_no_checkpoint_written(made, manifest, tmp_path):
    assert main(["train", *made]) == 0
    found = manifest("model")
    assert (found["dev"], found["best"], found["settings"]["dev"]) == ([], {}, "")
    assert not list((tmp_path / "run/model").glob("checkpoint-*"))


def test_evaluation_can_be_switched_off(made, dev, manifest):
    assert main(["train", *made, *dev, "--eval_strategy=no"]) == 0
    assert manifest("model")["dev"] == []


def test_other_dev_questions_are_another_training(made, dev, refused):
    assert main(["train", *made, *dev]) == 0
    assert "holds another run: dev (there " in refused("train", *made, *dev, "--dev_twins=0")


def test_a_figure_that_dev_questions_cannot_give_is_refused(made, dev, refused):
    said = refused("train", *made, *dev, "--metric_for_best_model=f_scor")
    assert "metric_for_best_model 'f_scor'" in said and "'f_score'" in said


def test_a_half_written_checkpoint_is_passed_over(made, stop_at, tmp_path, capsys):
    whole = ["--output_dir", str(tmp_path / "whole")]
    shutil.copytree(tmp_path / "run", tmp_path / "whole")
    saving = ["--save_strategy=steps", "--save_steps=1"]
    assert main(["train", *made, *saving, *whole]) == 0
    begun = stop_at(4)
    assert main(["train", *made, *saving]) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    torn = tmp_path / "run/model/checkpoint-3"
    for name in ("selfdemo.json", "trainer_state.json"):
        (torn / name).unlink()
    assert main(["train", *made, *saving]) == 0
    assert begun == [0, 1, 2, 3, 2, 3], "two steps were whole, the third was half on the disk"
    assert equal(weights(tmp_path / "run/model"), weights(tmp_path / "whole/model"))


def test_killed_before_the_manifest_the_model_is_saved_again(made, monkeypatch, tmp_path):
    import hf_selfdemo.stages.train as stage

    write = stage.write_json
    monkeypatch.setattr(stage, "write_json", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    saving = ["--save_strategy=epoch"]
    assert main(["train", *made, *saving]) == 130
    before = weights(tmp_path / "run/model")
    monkeypatch.setattr(stage, "write_json", write)
    steps = []
    monkeypatch.setattr(Trainer, "training_step", lambda *_, **__: steps.append(1))
    assert main(["train", *made, *saving]) == 0
    assert steps == [] and equal(before, weights(tmp_path / "run/model"))


def test_preference_training_goes_on_from_the_supervised_adapter(own, dev, manifest, tmp_path):
    assert main(["demonstrate", *own]) == 0
    assert main(["train", *own, "--learning_rate=0.01"]) == 0
    shutil.move(tmp_path / "run/model", tmp_path / "sft")
    preference = ["--objective=dpo", f"--start_from={tmp_path / 'sft'}", "--beta=0.2", "--logging_steps=1"]
    assert main(["train", *own, *dev, *preference, "--learning_rate=0"]) == 0
    found = manifest("model")
    assert found["start_from"] == str(tmp_path / "sft")
    assert found["settings"]["objective"] == "dpo" and found["settings"]["beta"] == 0.2
    losses = [line["loss"] for line in found["log"] if "rewards/margins" in line and "loss" in line]
    assert losses == pytest.approx([math.log(2)] * 4, abs=1e-4), "the reference is the adapter that it goes on from"
    assert [figures["epoch"] for figures in found["dev"]] == [1, 2]
    assert equal(weights(tmp_path / "sft"), weights(tmp_path / "run/model")), "nothing is learnt at rate 0"
    assert sorted(p.name for p in (tmp_path / "run/model").glob("*adapter*")) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]


def test_preference_training_of_a_new_adapter_learns(own, manifest):
    assert main(["demonstrate", *own]) == 0
    assert main(["train", *own, "--objective=dpo", "--learning_rate=0.01", "--logging_steps=1"]) == 0
    margins = [line["rewards/margins"] for line in manifest("model")["log"] if "rewards/margins" in line]
    assert margins[0] == pytest.approx(0, abs=1e-4) and margins[-1] > 0.01


def test_what_was_trained_before_decides_the_result(made, refused, tmp_path):
    assert main(["train", *made]) == 0
    shutil.move(tmp_path / "run/model", tmp_path / "first")
    going_on = [*made, f"--start_from={tmp_path / 'first'}"]
    assert main(["train", *going_on]) == 0
    kept = weights(tmp_path / "run/model")
    assert main(["train", *going_on]) == 0 and equal(kept, weights(tmp_path / "run/model"))
    shutil.copyfile(tmp_path / "run/model/adapter_model.safetensors", tmp_path / "first/adapter_model.safetensors")
    assert "holds another run: start_from (there " in refused("train", *going_on)


def test_training_goes_on_from_a_whole_model_and_is_evaluated_on_it(made, manifest, tmp_path, capsys):
    assert main(["train", *made, "--use_peft=false", "--learning_rate=0.01"]) == 0
    shutil.move(tmp_path / "run/model", tmp_path / "first")
    going_on = [*made, f"--start_from={tmp_path / 'first'}"]
    assert main(["train", *going_on]) == 0
    adapter = json.loads((tmp_path / "run/model/adapter_config.json").read_text())
    assert adapter["base_model_name_or_path"] == manifest("model")["base"] == str(tmp_path / "first")
    columns = [f"tuned={tmp_path / 'run/model'}", f"first={tmp_path / 'first'}"]
    assert main(["evaluate", *made, "--adapters", *columns]) == 0
    replies = {
        name: [json.loads(line)["text"] for line in (tmp_path / f"run/evaluation/predictions/{name}.rag.jsonl").open()]
        for name in ("base", "tuned", "first")
    }
    assert replies["tuned"] == replies["first"] != replies["base"], "a new adapter hardly moves what it stands on"


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--start_from=nowhere"], "start_from: nowhere holds no trained model"),
        (["--start_from={first}", "--lora_r=4"], "lora_r is 4 and the adapter in {first} has 2: set lora_r to 2"),
        (["--start_from={first}", "--use_peft=false"], "{first} holds an adapter and use_peft is false"),
        (["--start_from={first}", "--model_name_or_path={other}"], "the adapter in {first} stands on "),
        (["--load_in_4bit=true", "--use_peft=false"], "quantised weights cannot be trained and use_peft is false"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(made, brief_model, refused, tmp_path, extra, message):
    first = tmp_path / "first"
    first.mkdir()
    (first / "adapter_model.safetensors").write_bytes(b"weights")
    base = parse(made).resolve()
    shape = {"base_model_name_or_path": base.name, "r": 2, "lora_alpha": 32}
    (first / "adapter_config.json").write_text(json.dumps(shape))
    names = {"first": first, "other": brief_model}
    said = refused("train", *made, *(flag.format(**names) for flag in extra))
    assert message.format(**names) in said
    assert not (tmp_path / "run/model").exists()


def test_an_adapter_is_known_by_the_fingerprint_of_its_base_if_there_is_one(made, refused, tmp_path):
    assert main(["train", *made]) == 0
    shutil.move(tmp_path / "run/model", tmp_path / "first")
    path = tmp_path / "first/manifest.json"
    path.write_text(json.dumps({"settings": {"base": "another"}}))
    assert "stands on" in refused("train", *made, f"--start_from={tmp_path / 'first'}")


def test_what_is_told_or_kept_makes_no_other_training(made):
    def keys(*flags):
        return _training_keys(parse([*made, *flags]))

    told = ["--logging_steps=3", "--save_strategy=epoch", "--report_to=none", "--dataloader_num_workers=1"]
    assert keys() == keys(*told, "--meter_rows=3")
    for decisive in ("--max_dev_tokens=9", "--learning_rate=0.5", "--objective=dpo", "--lora_r=3", "--seed=8"):
        assert keys() != keys(decisive), decisive
