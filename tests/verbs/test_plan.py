"""`hf-selfdemo plan` before anything is there: no weights, no calls, and still what a run needs."""

import gc
import json
import shutil
from pathlib import Path

import pytest

from hf_selfdemo.core.types import Request
from hf_selfdemo.recipe.command_keys import PlanArguments
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.first_turns import FirstTurns, first_turn
from hf_selfdemo.verbs.plan_sample import counted
from hf_selfdemo.verbs.plan_tables import cost_lines


@pytest.fixture
def flags(model_folder, tmp_path):
    """A plan that asks nobody, of a model of which there is a configuration and a tokenizer."""
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    return [
        *(f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={folder}", "--plan_questions=0"),
        *("--max_train_questions=8", "--max_train_unanswerable=2", "--passages_per_question=2", "--lora_r=2"),
        *("--max_candidate_tokens=6", "--generation_batch_size=4", "--per_device_train_batch_size=2", "--use_cpu"),
    ]


@pytest.fixture
def plan(flags, tmp_path):
    """Plans with more flags, and reads what was written."""

    def made(*more):
        assert main(["plan", *flags, *more]) == 0
        return json.loads((tmp_path / "run/plan.json").read_text())

    return made


def test_nothing_is_asked_and_first_turns_are_those_that_demonstrating_asks(plan, flags, model_folder, tmp_path):
    planned = plan()
    assert not (tmp_path / "run/ledger.sqlite").exists()
    assert planned["questions"] == 10 and planned["sample"] == 0 and planned["seconds"] is None
    assert main(["demonstrate", *flags, f"--model_name_or_path={model_folder}"]) == 0
    spent = json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())["usage"]
    assert planned["all"]["calls"] == spent["calls"] > 0
    assert planned["all"]["prompt_tokens"] == pytest.approx(spent["prompt_tokens"], rel=0.05)
    assert planned["all"]["cached_tokens"] == pytest.approx(spent["cached_tokens"], rel=0.25)
    assert planned["all"]["generated_tokens"] >= spent["generated_tokens"], "as long as replies may get"
    assert planned["stages"].keys() == spent["by_stage"].keys()


def test_memory_of_every_verb_is_shown_and_kept(plan, capsys):
    planned = plan("--device_tflops=100", "--device_memory_gb=24", "--price_prompt=1")
    said = capsys.readouterr()
    assert "10 questions, first turns with replies of maximum length, no call made" in said.out
    assert "memory in GB" in said.out and "gradients" in said.out
    assert "longest training prompt" in said.err and "by the tokenizer" in said.err
    assert "of 24 GB: all fit" in said.err and "at an assumed 30% of 100 TFLOP/s" in said.err
    assert planned["memory_gb"].keys() == {"demonstrate", "train", "evaluate"} == planned["hours"].keys()
    sums = [sum(parts.values()) for parts in planned["memory_gb"].values()]
    assert planned["peak_gb"] == pytest.approx(max(sums)) and min(sums) > 0
    assert 0 < planned["model"]["trainable"] < planned["model"]["parameters"]
    assert all(0 < hours < 1 for hours in planned["hours"].values()) and planned["price"] > 0


def test_a_configuration_alone_is_enough(plan, flags, tmp_path, capsys):
    with_tokenizer = plan()["lengths"]
    for file in (tmp_path / "model").iterdir():
        if file.name != "config.json":
            file.unlink()
    without = plan()["lengths"]
    assert "by 4 characters a token" in capsys.readouterr().err
    assert without["characters"] == 4 != with_tokenizer["characters"]
    assert without["prompt"] * 4 == pytest.approx(with_tokenizer["prompt"] * with_tokenizer["characters"])


@pytest.mark.parametrize(
    ("flag", "verb", "part", "factor"),
    [
        ("--generation_batch_size=8", "evaluate", "cache", 2),
        ("--inference_dtype=bfloat16", "demonstrate", "weights", 0.5),
        ("--per_device_train_batch_size=4", "train", "activations", 2),
        ("--objective=dpo", "train", "activations", 2),
        ("--lora_r=4", "train", "gradients_and_optimizer", 2),
        ("--max_candidate_tokens=12", "train", "logits", 2),
    ],
)
def test_keys_bear_on_what_they_are_about(plan, flag, verb, part, factor):
    before, after = (plan("--prefix_cache_gb=0", *more)["memory_gb"][verb][part] for more in ((), (flag,)))
    assert after == pytest.approx(before * factor)


def test_evaluating_holds_prompts_for_what_is_asked_besides(plan):
    asked, alone = (plan(f"--evaluate_signals={on}")["memory_gb"]["evaluate"]["cache"] for on in ("true", "false"))
    assert asked == pytest.approx(alone + 1.0), "prefix_cache_gb"


def test_quantised_and_whole_training_take_less_and_more(plan):
    four, lora, whole = (plan(*more)["memory_gb"]["train"] for more in (["--load_in_4bit"], [], ["--use_peft=false"]))
    assert four["weights"] < lora["weights"]
    assert lora["gradients_and_optimizer"] < whole["gradients_and_optimizer"]


def test_steps_and_epochs_decide_the_hours_of_training(plan):
    device = "--device_tflops=0.001"
    one, three = (plan(device, f"--num_train_epochs={n}")["hours"]["train"] for n in (1, 3))
    budgets = [plan(device, f"--train_tokens={n}")["hours"]["train"] for n in (5000, 15000)]
    assert budgets[1] == pytest.approx(3 * budgets[0]), "a budget of tokens stands in place of epochs"
    assert plan(device, "--train_tokens=5000", "--num_train_epochs=3")["hours"]["train"] == budgets[0]
    steps = plan(device, "--max_steps=5", "--gradient_accumulation_steps=3")["hours"]["train"]
    assert three == pytest.approx(3 * one)
    assert steps == pytest.approx(one * 5 * 3 * 2 / 10), "30 rows instead of 10"
    assert plan(device, "--device_utilisation=0.6")["hours"]["train"] == pytest.approx(1.5 * one)


def test_several_devices_share_the_hours_and_none_of_the_memory(plan, capsys):
    one, eight = (plan("--device_tflops=0.001", f"--device_count={n}") for n in (1, 8))
    said = capsys.readouterr().err
    assert "0.001 TFLOP/s: demonstrate" in said and "0.001 TFLOP/s on each of 8 devices: demonstrate" in said
    assert eight["hours"] == pytest.approx({verb: hours / 8 for verb, hours in one["hours"].items()})
    assert eight["memory_gb"] == one["memory_gb"] and eight["all"] == one["all"]


def test_a_measured_time_is_shared_by_devices():
    def first(count):
        return next(cost_lines({"seconds": 7200, "sample": 8}, PlanArguments(device_count=count)))

    assert first(1) == "time: about 2.0 hours"
    assert first(4) == "time: about 30.0 minutes, shared by 4 such devices"


def test_what_does_not_fit_is_named(plan, capsys):
    plan("--device_memory_gb=0.0001")
    assert "demonstrate, train, evaluate will not fit" in capsys.readouterr().err


def test_gold_targets_need_no_calls_but_memory(plan, flags, capsys):
    flags[:] = [flag for flag in flags if not flag.startswith("--max_candidate_tokens")]  # that is self_demo's
    planned = plan("--method=ra_it")
    assert "no calls" in capsys.readouterr().err
    assert planned["memory_gb"].keys() == {"train", "evaluate"} and "all" not in planned


def test_a_server_needs_no_memory_here_and_may_have_a_model_of_any_name(plan, capsys):
    server = ["--engine=server", "--server_url=http://localhost:1/v1"]
    assert plan(*server)["memory_gb"].keys() == {"train", "evaluate"}
    planned = plan(*server, "--model_name_or_path=somebody/served-there")
    assert "the memory cannot be estimated" in capsys.readouterr().err
    assert "memory_gb" not in planned and planned["all"]["calls"] > 0


EMBEDDED = ("--train_questions", "embedded", "--train_corpus", "embedded")
"""Beside test questions of one's own these are not there unasked."""


def test_test_questions_that_are_not_there_only_cost_their_hours(plan):
    planned = plan(*EMBEDDED, "--test_questions", "nowhere.jsonl", "--device_tflops=1")
    assert planned["hours"].keys() == {"demonstrate", "train"}


def test_a_prompt_search_is_not_begun(plan, tmp_path):
    plan("--prompt_search")
    assert not (tmp_path / "run/prompts").exists() and not (tmp_path / "run/ledger.sqlite").exists()


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("--model_name_or_path=somebody/nothing", "the configuration of 'somebody/nothing' cannot be downloaded"),
        ("--model_name_or_path={empty}", "contains no configuration that transformers can read"),
        ("--device_utilisation=1.5", "device_utilisation is 1.5: give a share above 0 and up to 1"),
        ("--lora_target_modules=nowhere", "lora_target_modules is 'nowhere', but the model has no such module"),
    ],
)
def test_mistakes_are_one_line(flags, refused, tmp_path, flag, message):
    empty = tmp_path / "empty"
    empty.mkdir()
    assert message in refused("plan", *flags, flag.format(empty=empty))


def test_shared_beginnings_are_read_once():
    def request(name, text, share):
        return Request(name, ({"role": "user", "content": text},), "rag", max_new_tokens=5, share=share)

    requests = [request("a", "x" * 40 + "yy", "s"), request("b", "x" * 40 + "zz", "s"), request("c", "x" * 40, "")]
    found = counted(FirstTurns([requests]), characters=2)
    assert found["all"] == {"calls": 3, "prompt_tokens": 62, "cached_tokens": 20, "generated_tokens": 15}


def test_measuring_and_memory_stand_beside_each_other(plan, model_folder, tmp_path):
    planned = plan(f"--model_name_or_path={model_folder}", "--plan_questions=2")
    assert planned["sample"] == 2 and planned["seconds"] > 0 and planned["memory_gb"]["train"]
    assert Path(tmp_path / "run/ledger.sqlite").exists()


def test_no_row_s_requests_are_held(plan, monkeypatch):
    """Counted by the requests alive while each row's first turn is written."""
    alive, asked = [], []

    def counting(dialogue):
        found = first_turn(dialogue)
        asked.append(len(found))
        alive.append(sum(type(one) is Request for one in gc.get_objects()))
        return found

    before = sum(type(one) is Request for one in gc.get_objects())
    monkeypatch.setattr("hf_selfdemo.verbs.plan.first_turn", counting)
    plan()
    assert len(asked) == 10 and sum(asked) > 3 * max(asked)
    assert max(alive) - before <= 2 * max(asked)
