"""Several processes train what one would: row by row, figure by figure, weight by weight."""

import functools
import os
from pathlib import Path

import pytest
from asked_rows import worse
from ranks import together

CONFIGS = Path(__file__).parent.parent.parent / "recipes" / "accelerate"
COSTS = ("runtime", "per_second", "total_flos")  # differ from run to run


METALS = ("tin", "lead", "zinc", "gold", "iron", "nickel", "cobalt", "copper")
GASES = ("neon", "argon", "radon", "helium", "xenon", "krypton")


def rows(words):
    """A row a word, with replies of very different length, so that a mean of means is not the mean."""
    made = []
    for i, word in enumerate(words):
        texts = (f"{word} was found in a mine.", "Nothing is said of metals here.", "A town lies on the river.")
        declines = i % 3 == 2
        made.append(
            {
                "id": word,
                "mode": "rag",
                "question": f"Where was {word} found?",
                "answers": ["mine"],
                "passages": [
                    {"id": f"p{i}{k}", "title": f"Page {k}", "text": t, "score": 0.0} for k, t in enumerate(texts)
                ],
                "answer_in_context": True,
                "gold_removed": False,
                "answerable": True,
                "outcome": "abstain" if declines else "answer",
                "response": "I don't know." if declines else "In a mine" + ", deep below the old town" * (i % 4),
                "rejected": worse("On the moon" + ", they say" * ((i + 1) % 3)),
            }
        )
    return made


def train(objective, model_folder, output_dir, ranks, lora=False, sharded=False, scored=4, **keys):
    """One run as each of its ranks makes it, on batches of two rows, however many ranks share them.

    `scored` dev rows have a loss.
    """
    if sharded:
        shard()
    from peft import LoraConfig

    from hf_selfdemo.data.rows import FEATURES
    from hf_selfdemo.generation.models import load_model, load_tokenizer, resolve_model
    from hf_selfdemo.training.dpo import SelfDemoDPOConfig, SelfDemoDPOTrainer
    from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

    config, trainer = {
        "sft": (SelfDemoConfig, SelfDemoTrainer),
        "dpo": (SelfDemoDPOConfig, SelfDemoDPOTrainer),
    }[objective]
    defaults = {
        "per_device_train_batch_size": 2 // ranks,
        # some dev figures are means over batches: the loss over those of each rank, what TRL adds over those of all
        "per_device_eval_batch_size": {"sft": 1, "dpo": 2 // ranks}[objective],
        "gradient_accumulation_steps": 2,
        "num_train_epochs": 2,
        "passage_order": "shuffled",
        "optim": "sgd",  # where Adam would hide gradients that are too large or too small
        "learning_rate": 0.01,
        "lr_scheduler_type": "constant",
        "max_grad_norm": 1e6,  # never clipped, and still logged
        "eval_strategy": "epoch",
        "max_dev_tokens": 4,
        "meter_rows": 3,
        "logging_steps": 1,
    }
    resolved = resolve_model(model_folder)
    training, dev = rows(METALS), rows(GASES)
    for row in dev[scored:]:
        row["response"] = ""  # asked, without a loss
    made = trainer(
        load_model(resolved),
        config(output_dir=str(output_dir), use_cpu=True, report_to=[], disable_tqdm=True, **defaults | keys),
        table(training, FEATURES),
        load_tokenizer(resolved),
        eval_dataset=table(dev, FEATURES),
        peft_config=LoraConfig(r=4, target_modules="all-linear") if lora else None,
    )
    shown, step = [], made.training_step
    made.training_step = lambda model, batch, *rest: (shown.append(batch["ids"]), step(model, batch, *rest))[1]
    made.train()
    made.save_model()
    said = [p.text for said in made.generated.predictions.values() for p in said]
    kinds = {type(weight).__name__ for weight in made.model.parameters()}
    return {"log": made.state.log_history, "shown": shown, "said": said, "kinds": kinds}


def table(made, features):
    from datasets import Dataset

    return Dataset.from_list([dict.fromkeys(features) | row for row in made], features)


def shard():
    """What `accelerate launch --config_file recipes/accelerate/fsdp.yaml` sets, and CPUs that pass for GPUs.

    accelerate asks for FSDP on accelerators alone; torch's own has no such limit.
    """
    from accelerate import DistributedType, PartialState
    from accelerate.utils.launch import prepare_multi_gpu_env

    found = prepare_multi_gpu_env(launched("fsdp.yaml"))
    os.environ |= {k: v for k, v in found.items() if k.startswith(("FSDP_", "ACCELERATE_"))}
    os.environ["ACCELERATE_TORCH_DEVICE"] = "cpu"
    PartialState._prepare_backend = lambda *_, **__: ("gloo", DistributedType.MULTI_GPU)


def launched(name):
    """The options of `accelerate launch` under one of our files, after its own checks."""
    from accelerate.commands.launch import _validate_launch_command, launch_command_parser

    command = ["--config_file", str(CONFIGS / name), "-m", "hf_selfdemo", "train", "--config", "recipe.yaml"]
    return _validate_launch_command(launch_command_parser().parse_args(command))[0]


@pytest.fixture(scope="module")
def run(model_folder, tmp_path_factory):
    """Train in so many ranks, each run once: what each rank brings back, and the weights that were saved."""
    from safetensors.torch import load_file

    @functools.cache
    def train_in(ranks, objective="sft", **keys):
        folder = tmp_path_factory.mktemp("run")
        found = together(
            ranks, train, objective, model_folder, folder / "model", ranks, folder=folder / "ranks", **keys
        )
        (saved,) = (folder / "model").glob("*.safetensors")
        return found, load_file(saved)

    return train_in


def figures(log):
    """The log without what it cost."""
    return [{k: v for k, v in line.items() if not any(cost in k for cost in COSTS)} for line in log]


def furthest(weights, others):
    """The largest difference between weights of the same name."""
    assert weights.keys() == others.keys() and weights
    return max((weights[name] - others[name]).abs().max().item() for name in weights)


def same(log, other):
    assert len(log) == len(other) > 2
    for line, its in zip(figures(log), figures(other), strict=True):
        assert line == pytest.approx(its, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize(("objective", "keys"), [("sft", {}), ("dpo", {"loss_type": "sigmoid"})], ids=["sft", "dpo"])
def test_two_processes_train_what_one_does(objective, keys, run):
    """The supervised term of preference training is TRL's mean over a process's own tokens, and so is left out."""
    (one,), weights = run(1, objective, **keys)
    (first, second), others = run(2, objective, **keys)
    assert [a + b for a, b in zip(first["shown"], second["shown"], strict=True)] == one["shown"]
    same(one["log"], first["log"])
    assert figures(first["log"]) == figures(second["log"])
    assert one["said"] == first["said"] == second["said"] and any(one["said"])
    assert furthest(weights, others) < 1e-5


def test_the_mean_is_over_the_tokens_of_all_ranks(run):
    """A mean of the ranks' means is another one, so the runs above could not have agreed by it."""
    _, weights = run(2, "sft")
    _, others = run(2, "sft", average_tokens_across_devices=False, eval_strategy="no", meter_rows=0)
    assert furthest(weights, others) > 1e-3


def test_dev_rows_that_do_not_fill_the_last_batch_count_once(run):
    keys = {"scored": 5, "max_steps": 1, "eval_strategy": "steps", "eval_steps": 1}
    ((one,), _), ((first, _), _) = run(1, "sft", **keys), run(2, "sft", **keys)
    same(one["log"], first["log"])


def test_an_adapter_trained_on_spread_weights_is_the_one_of_whole_copies(run):
    (first, second), adapter = run(2, "sft", lora=True, num_train_epochs=1, sharded=True)
    (whole, _), other = run(2, "sft", lora=True, num_train_epochs=1)
    assert "DTensor" in first["kinds"] and "DTensor" not in whole["kinds"]
    same(whole["log"], first["log"])
    assert first["said"] == second["said"] == whole["said"]
    assert furthest(adapter, other) < 1e-6
    assert all("lora_" in name for name in adapter)


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda path: path.stem)
def test_launcher_takes_the_file(path):
    """accelerate refuses unknown keys, but not those below `fsdp_config` and `deepspeed_config`."""
    from accelerate.commands.config.config_args import load_config_from_file
    from accelerate.commands.launch import launch_command_parser

    config = load_config_from_file(str(path))
    assert config.num_processes > 1
    options = vars(launch_command_parser().parse_args(["-m", "hf_selfdemo"]))
    assert {*config.fsdp_config, *config.deepspeed_config} <= options.keys()


def test_launcher_reads_what_the_files_say():
    ddp, fsdp, zero = (launched(f"{name}.yaml") for name in ("ddp", "fsdp", "zero3"))
    assert ddp.multi_gpu and not ddp.use_fsdp and not ddp.use_deepspeed
    assert fsdp.use_fsdp and int(fsdp.fsdp_version) == 2
    assert zero.use_deepspeed and zero.zero_stage == 3
    assert all(found.module and found.training_script == "hf_selfdemo" for found in (ddp, fsdp, zero))
