"""Training from a recipe: objectives, dev questions, going on from an earlier training or an interrupted one."""

import gc
import json
import math
import shutil
import weakref
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from transformers import Trainer

from hf_selfdemo.core.claim import differing
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.manifest import read_json, write_checked_json
from hf_selfdemo.data.questions import read_passages, read_questions
from hf_selfdemo.data.retrieval.bm25 import BM25Retriever
from hf_selfdemo.data.retrieval.evidence import collect_evidence
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.generation.tuned import model_hashes
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import demonstrate
from hf_selfdemo.methods.ra_it import RaIt
from hf_selfdemo.recipe import recipe
from hf_selfdemo.recipe.evidence import recipe_questions
from hf_selfdemo.training.sft import SelfDemoConfig
from hf_selfdemo.verbs.cli import main, make_recipe, parse
from hf_selfdemo.verbs.training_folder import training_settings

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


def test_model_and_optimizer_are_gone_before_the_next_verb_loads_its_own(made, monkeypatch):
    seen, load = [], recipe.load_model
    monkeypatch.setattr(recipe, "load_model", lambda *args: seen.append(weakref.ref(found := load(*args))) or found)
    gc.disable()  # it would come round to it in the end, and with a large model the end is too late
    try:
        assert main(["train", *made, "--max_steps=1"]) == 0
    finally:
        gc.enable()
    assert len(seen) == 1 and seen[0]() is None


def test_dev_questions_are_asked_every_epoch_and_the_best_checkpoint_is_the_result(
    made, dev, manifest, tmp_path, capsys
):
    assert main(["train", *made, *dev, *BEST, "--metric_for_best_model=hallucination_rate"]) == 0
    said, found = " ".join(capsys.readouterr().err.split()), manifest("model")
    assert "evaluating on 4 dev rows" in said
    assert "options that follow from others: eval_strategy epoch, save_strategy epoch" in said
    assert [figures["epoch"] for figures in found["dev"]] == [1, 2] and found["dev"][0]["abstention_rate"] == 0
    assert found["best"] == {"metric": "hallucination_rate", "value": 1, "checkpoint": "checkpoint-2", "loaded": True}
    model = tmp_path / "run/model"
    assert equal(weights(model), weights(model / "checkpoint-2"))
    assert not equal(weights(model), weights(model / "checkpoint-4"))
    assert found["preflight"]["rows"] == found["rows_trained"] == 4
    assert set(found["on_policy"]) == {"base", "tuned"} and found["settings"]["dev"]


def test_the_console_tells_what_dev_questions_found_and_which_checkpoint_is_kept(made, dev, manifest, capsys):
    assert main(["train", *made, *dev, *BEST, "--metric_for_best_model=hallucination_rate"]) == 0
    said, first = " ".join(capsys.readouterr().err.split()), manifest("model")["dev"][0]
    told = f"dev, epoch 1: hallucination_rate {first['hallucination_rate']:.2f}, f_score {first['f_score']:.2f}"
    assert told in said and "dev, epoch 2: hallucination_rate" in said
    assert "best hallucination_rate 1.00; the result is checkpoint-2" in said


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
    assert "belongs to another run: other dev questions or passages: to keep both" in refused(
        "train", *made, *dev, "--dev_twins=0"
    )


def test_a_figure_that_dev_questions_cannot_give_is_refused(made, dev, refused):
    said = refused("train", *made, *dev, "--metric_for_best_model=f_scor")
    assert "metric_for_best_model 'f_scor'" in said and "'f_score'" in said


def test_questions_that_are_tested_on_are_told_before_they_are_trained_on(made, manifest, caplog):
    assert main(["train", *made, "--test_split=train", "--max_test_questions=4"]) == 0
    [warning] = manifest("model")["preflight"]["warnings"]
    assert "has a question that is trained on (and 3 more: " in warning and f"preflight: {warning}" in caplog.text


def test_training_does_without_test_questions(made, manifest, capsys):
    assert main(["train", *made, "--test_questions=nowhere.jsonl"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "cannot check whether test questions are trained on: " in said and "nowhere.jsonl" in said
    assert manifest("model")["preflight"]["warnings"] == []


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--learning_rate=-1", "learning_rate is -1: give 0 or more"),
        ("--lora_r=0", "lora_r is 0: give 1 or more"),
        ("--lora_target_modules=foo", "lora_target_modules is 'foo', but the model has no such module: name some of"),
    ],
)
def test_keys_that_the_libraries_refuse_end_in_one_line_and_can_be_mended(made, refused, flag, said):
    assert said in " ".join(refused("train", *made, flag).split())
    assert main(["train", *made]) == 0


@pytest.mark.parametrize("names", [["q_proj"], ["q_proj", "v_proj"], [".*q_proj"]], ids=["one", "two", "pattern"])
def test_named_modules_alone_get_an_adapter(made, tmp_path, names):
    assert main(["train", *made, "--lora_target_modules", *names]) == 0
    found = {name.split(".")[-3] for name in weights(tmp_path / "run/model")}
    assert found == {name.removeprefix(".*") for name in names}


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ([], "interrupted; no checkpoint was saved, so the same command starts at the first step"),
        (["--save_strategy=steps", "--save_steps=1"], "interrupted; repeat the command to continue from checkpoint-2"),
    ],
)
def test_an_interruption_tells_from_where_training_goes_on(made, stop_at, capsys, flags, said):
    stop_at(3)
    assert main(["train", *made, *flags]) == 130
    assert said in capsys.readouterr().err


def test_a_half_written_checkpoint_is_passed_over(made, stop_at, tmp_path, capsys):
    whole = ["--output_dir", str(tmp_path / "whole")]
    shutil.copytree(tmp_path / "run", tmp_path / "whole")
    saving = ["--save_strategy=steps", "--save_steps=1"]
    assert main(["train", *made, *saving, *whole]) == 0
    begun = stop_at(4)
    assert main(["train", *made, *saving]) == 130
    assert "repeat the command to continue from checkpoint-3" in capsys.readouterr().err
    torn = tmp_path / "run/model/checkpoint-3"
    for name in ("selfdemo.json", "trainer_state.json"):
        (torn / name).unlink()
    assert main(["train", *made, *saving]) == 0
    assert begun == [0, 1, 2, 3, 2, 3], "two steps were whole, the third was half on the disk"
    assert equal(weights(tmp_path / "run/model"), weights(tmp_path / "whole/model"))


def test_killed_before_the_manifest_the_model_is_saved_again(made, monkeypatch, tmp_path):
    import hf_selfdemo.verbs.train as stage

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
    plain = ["--objective=dpo", "--loss_type=sigmoid", "--beta=0.2"]
    preference = [*plain, f"--start_from={tmp_path / 'sft'}", "--logging_steps=1"]
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


GRPO = [
    *("--objective=grpo", "--num_generations=2", "--per_device_train_batch_size=4", "--max_completion_length=4"),
    *("--learning_rate=0.01", "--max_steps=3"),
]


def test_grpo_goes_on_from_the_supervised_adapter(own, dev, manifest, monkeypatch, tmp_path, capsys):
    from hf_selfdemo.core.types import Verdict
    from hf_selfdemo.judging.answer_match import AnswerMatchJudge

    assert main(["demonstrate", *own]) == 0
    assert main(["train", *own]) == 0
    shutil.move(tmp_path / "run/model", tmp_path / "sft")
    odd = lambda _, text, *__: Verdict("correct" if len(text) % 2 else "incorrect")  # noqa: E731  # groups need a spread
    monkeypatch.setattr(AnswerMatchJudge, "label", odd)
    going_on = [*own, *dev, *GRPO, f"--start_from={tmp_path / 'sft'}", "--beta=0.01"]
    assert main(["preflight", *going_on]) == 0
    assert main(["train", *going_on]) == 0
    assert "has not learned to abstain" not in capsys.readouterr().err
    found = manifest("model")
    steps = [line for line in found["log"] if "loss" in line]
    assert [line["step"] for line in steps] == [1, 2, 3]
    assert all(
        {"reward", "abstention_rate", "unscored", "groups_without_spread", "kl"} <= line.keys() for line in steps
    )
    assert steps[0]["kl"] == pytest.approx(0, abs=1e-6), "the reference is the adapter that it goes on from"
    assert found["settings"]["reward_abstain_value"] == 0.5 and "judge" not in found
    assert found["rows_trained"] == 4 and found["start_from"] == str(tmp_path / "sft")
    assert not equal(weights(tmp_path / "sft"), weights(tmp_path / "run/model"))
    assert sorted(p.name for p in (tmp_path / "run/model").glob("*adapter*")) == [
        "adapter_config.json",
        "adapter_model.safetensors",
    ]
    assert json.loads((tmp_path / "run/model/method.json").read_text())["method"] == "self_demo"
    assert main(["train", *going_on]) == 0 and "is trained already" in capsys.readouterr().err
    assert main(["evaluate", *going_on]) == 0


def test_a_judge_of_rewards_that_asks_a_model_asks_one_that_is_not_trained(own, manifest, tmp_path, capsys):
    assert main(["demonstrate", *own]) == 0
    judged = [*own, *GRPO, "--reward_judge=llm_label", "--max_judge_tokens=2", "--judge_tries=2"]
    assert main(["train", *judged, "--max_steps=1"]) == 0
    assert "has not learned to abstain" in capsys.readouterr().err
    found = manifest("model")
    assert found["judge"]["calls"] == sum(found[kind]["calls"] for kind in ("usage", "reused"))
    assert found["settings"]["judge_tries"] == 2 and found["settings"]["reward_judge"] == "llm_label"


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (["--reward_judge=tournament"], "reward_judge is tournament, which ranks replies"),
        (["--reward_judge=match"], "unknown judge 'match'"),
        (["--start_from=nowhere"], "start_from: nowhere contains no trained model"),
        (["--per_device_train_batch_size=32"], "one step asks 16 prompts, but there are only 4"),
        (["--use_peft=false", "--beta=0.1"], "beta needs a copy of the model before training"),
    ],
)
def test_rewards_that_cannot_be_given_are_refused(own, refused, keys, said):
    if "--start_from" not in keys[0]:
        assert main(["demonstrate", *own]) == 0
    assert said in refused("train", *own, *GRPO, *keys) or said.startswith("start_from")


def test_a_training_that_collapses_says_so_and_keeps_its_checkpoints(own, refused, monkeypatch, tmp_path):
    from hf_selfdemo.core.types import Verdict
    from hf_selfdemo.judging.answer_match import AnswerMatchJudge

    assert main(["demonstrate", *own]) == 0
    labels = iter(["incorrect"] * 8)  # the two groups of four of the first two steps
    monkeypatch.setattr(AnswerMatchJudge, "label", lambda *_, **__: Verdict(next(labels, "abstain")))
    line = refused("train", *own, *GRPO, "--max_steps=9", "--collapse_steps=2", "--save_steps=1")
    assert "training has collapsed" in line and "checkpoint-2 is from before" in line
    assert not (tmp_path / "run/model/manifest.json").exists()


def test_grpo_starts_from_a_whole_model_with_an_adapter_of_its_own(own, manifest, tmp_path):
    assert main(["demonstrate", *own]) == 0
    assert main(["train", *own, "--use_peft=false"]) == 0
    shutil.move(tmp_path / "run/model", tmp_path / "whole")
    assert main(["train", *own, *GRPO, f"--start_from={tmp_path / 'whole'}", "--beta=0.1"]) == 0
    steps = [line for line in manifest("model")["log"] if "loss" in line]
    assert steps[0]["kl"] == pytest.approx(0, abs=1e-6) and len(steps) == 3


def test_what_was_trained_before_decides_the_result(made, refused, tmp_path):
    assert main(["train", *made]) == 0
    shutil.move(tmp_path / "run/model", tmp_path / "first")
    going_on = [*made, f"--start_from={tmp_path / 'first'}"]
    assert main(["train", *going_on]) == 0
    kept = weights(tmp_path / "run/model")
    assert main(["train", *going_on]) == 0 and equal(kept, weights(tmp_path / "run/model"))
    shutil.copyfile(tmp_path / "run/model/adapter_model.safetensors", tmp_path / "first/adapter_model.safetensors")
    assert "was changed since it was written" in refused("train", *going_on)
    told = read_json(tmp_path / "first/manifest.json") | {"files": model_hashes(tmp_path / "first")}
    write_checked_json(tmp_path / "first/manifest.json", told)
    assert "belongs to another run: other weights to start from: to keep both" in refused("train", *going_on)


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
        (["--start_from=nowhere"], "start_from: nowhere contains no trained model"),
        (["--start_from={first}", "--lora_r=4"], "lora_r is 4, but the adapter in {first} has 2: set lora_r to 2"),
        (["--start_from={first}", "--use_peft=false"], "{first} contains an adapter, but use_peft is false"),
        (["--start_from={first}", "--model_name_or_path={other}"], "the adapter in {first} was trained on "),
        (["--load_in_4bit=true", "--use_peft=false"], "use_peft is false, but quantised weights cannot be trained"),
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
    assert "was trained on" in refused("train", *made, f"--start_from={tmp_path / 'first'}")


def test_what_is_told_or_kept_makes_no_other_training(own):
    def keys(*flags):
        return training_settings(parse([*own, *flags]))

    told = ["--logging_steps=3", "--save_strategy=epoch", "--report_to=none", "--dataloader_num_workers=1"]
    assert keys() == keys(*told, "--meter_rows=3")
    for decisive in ("--max_dev_tokens=9", "--learning_rate=0.5", "--lora_r=3", "--seed=8"):
        assert keys() != keys(decisive), decisive


def test_a_key_that_is_set_to_nothing_is_not_one_that_nobody_set():
    """Rows of any length are another training than rows of the usual length."""
    limited, unlimited = (
        training_settings(make_recipe({"output_dir": "x", **keys})) for keys in ({}, {"max_length": None})
    )
    assert differing(limited, unlimited, defaults(SelfDemoConfig)) == ["max_length"]


def test_held_out_questions_are_never_trained_on_and_stay_the_same_at_any_size(made):
    asked = {}
    for share, size in ((0.2, -1), (0.2, 5), (0.4, -1)):
        recipe = parse(
            [*made, f"--held_out_share={share}", f"--max_train_questions={size}", "--max_train_unanswerable=-1"]
        )
        parts = [{question.id for question in recipe_questions(recipe, part)} for part in ("train", "dev")]
        assert parts[0] and parts[1] and not parts[0] & parts[1]
        asked[share, size] = parts
    everything = parse([*made, "--max_train_questions=-1", "--max_train_unanswerable=-1"])
    whole = {question.id for question in recipe_questions(everything, "train")}
    assert asked[0.2, -1][0] | asked[0.2, -1][1] == whole
    assert asked[0.2, -1][1] == asked[0.2, 5][1] < asked[0.4, -1][1]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--held_out_share=1"], "held_out_share is 1: give a share from 0 to below 1"),
        (["--held_out_share=0.1", "--dev_questions", "embedded"], "both dev_questions and held_out_share are set"),
    ],
)
def test_what_cannot_be_held_out_is_refused(made, refused, flags, message):
    assert message in refused("train", *made, *flags)


def test_what_only_writes_has_a_precision_of_its_own(made):
    recipe = parse([*made, "--inference_dtype=bfloat16"])
    model = recipe.resolve()
    assert next(recipe.load(model)[0].parameters()).dtype == torch.bfloat16
    assert next(recipe.load(model, training=True)[0].parameters()).dtype == torch.float32


def test_demonstrations_of_the_library_train_by_the_command(model_folder, tmp_path, capsys):
    retriever = BM25Retriever(read_passages("embedded", "train"))
    evidence = collect_evidence(read_questions("embedded", "train")[:4], retriever, 2)
    folder = tmp_path / "run/demonstrations"
    demonstrate(evidence, RaIt(), ScriptedGenerator(), AnswerMatchJudge(), folder)
    assert "model" not in json.loads((folder / "manifest.json").read_text())
    keys = [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", "--max_steps=1", "--use_cpu"),
        *("--per_device_train_batch_size=2", "--lora_r=2", "--meter_rows=0", "--max_test_questions=2"),
    ]
    assert main(["preflight", *keys]) == 0 and main(["train", *keys]) == 0
    assert "it is unknown which model wrote the demonstrations" in " ".join("".join(capsys.readouterr()).split())
    assert read_json(tmp_path / "run/model/manifest.json")["rows_trained"] == 4
    (folder / "manifest.json").unlink()
    assert main(["preflight", *keys]) == 0


TOKEN = "hf_" + "aB3dE5gH7j" * 4


def test_no_file_of_a_training_holds_the_token_or_a_path_of_this_machine(made, dev, tmp_path, model_folder):
    saving = ["--save_strategy=epoch", *dev, "--load_best_model_at_end=true", f"--hub_token={TOKEN}"]
    assert main(["train", *made, *saving, "--report_to=none"]) == 0
    files = [path for path in (tmp_path / "run/model").rglob("*") if path.is_file()]
    assert len([path for path in files if path.name == "selfdemo.json"]) == 2 and len(files) > 20
    for path in files:
        held = path.read_bytes()
        assert TOKEN.encode() not in held and str(tmp_path).encode() not in held, path
        assert path.name != "training_args.bin"
        if model_folder.encode() in held:  # the base model, as it was named
            assert path.name in ("adapter_config.json", "README.md", "manifest.json", "run.json", "selfdemo.json"), path


def test_the_best_checkpoint_is_known_again_when_training_goes_on(made, dev, stop_at, manifest, tmp_path):
    saving = ["--save_strategy=epoch", *dev, *BEST, "--num_train_epochs=3"]
    whole = ["--output_dir", str(tmp_path / "whole")]
    shutil.copytree(tmp_path / "run", tmp_path / "whole")
    assert main(["train", *made, *saving, *whole]) == 0
    stop_at(5)
    assert main(["train", *made, *saving]) == 130
    assert main(["train", *made, *saving]) == 0
    expected = json.loads((tmp_path / "whole/model/manifest.json").read_text())["best"]
    assert manifest("model")["best"] == expected and expected["loaded"]


@pytest.mark.parametrize("verb", ["demonstrate", "train", "run"])
def test_training_does_not_push(gold, refused, verb):
    said = refused(verb, *gold, "--push_to_hub=true", f"--hub_token={TOKEN}")
    assert "push_to_hub would upload files that were not checked for secrets" in said
    assert "run `hf-selfdemo push`" in said and TOKEN not in said
