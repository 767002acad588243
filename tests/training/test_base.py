"""The same curve whatever the batch, the worker or the interruption; and what stops a run by name."""

import copy
import json
from pathlib import Path

import pytest
import torch
from asked_rows import worse
from datasets import Dataset
from peft import LoraConfig
from transformers import TrainerCallback

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.training import checkpoints
from hf_selfdemo.training.checkpoints import last_checkpoint
from hf_selfdemo.training.lengths import LENGTH
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

WORDS = ("tin", "lead", "zinc", "gold", "iron", "neon", "argon", "radon", "boron", "cobalt")


def rows(count=10):
    """Rows of mixed length, some of which decline; each brings the candidates that other views need."""
    made = []
    for i in range(count):
        passages = [
            {
                "id": f"p{i}{k}",
                "title": w,
                "text": f"{w} was found by {w} miners. " * (1 + (i * k) % 4),
                "score": 1.0 - k,
            }
            for k, w in enumerate(WORDS[i % 7 : i % 7 + 3])
        ]
        abstains = i % 3 == 2
        refusal, own = "I don't know, it is not said.", f"It was {WORDS[i % 10]}."
        made.append(
            dict.fromkeys(FEATURES)
            | {
                "id": f"q{i}",
                "mode": "rag",
                "question": f"Who found the metal number {i}?",
                "answers": [f"{WORDS[i % 7]} miners"],
                "passages": passages,
                "answer_in_context": not abstains,
                "gold_removed": False,
                "answerable": True,
                "response": refusal if abstains else f"The {WORDS[i % 7]} miners found it" + ", they say" * (i % 4),
                "outcome": "abstain" if abstains else "answer",
                "source": "refusal" if abstains else "rag",
                "verified": True,
                "rejected": worse(own),
                "candidates": [
                    {
                        "text": refusal,
                        "source": "refusal",
                        "prompt": "r",
                        "finish_reason": "stop",
                        "label": "abstain",
                        "place": 0,
                    },
                    {
                        "text": own,
                        "source": "closed_book",
                        "prompt": "c",
                        "finish_reason": "stop",
                        "label": "incorrect",
                        "place": 0,
                    },
                ],
            }
        )
    return Dataset.from_list(made, features=FEATURES)


MOVING = {"passage_order": "shuffled", "passage_dropout": 0.3, "leave_gold_out_share": 0.3, "closed_book_share": 0.2}


def trainer(model, tokenizer, folder, dataset=None, lora=True, **keys):
    defaults = {
        "per_device_train_batch_size": 2,
        "num_train_epochs": 3,
        "logging_steps": 1,
        "use_cpu": True,
        "learning_rate": 0.01,
        "meter_rows": 0,
    }
    args = SelfDemoConfig(output_dir=str(folder), **(defaults | keys))
    peft = LoraConfig(r=4, lora_dropout=0.2, target_modules="all-linear") if lora else None
    return SelfDemoTrainer(copy.deepcopy(model), args, dataset or rows(), tokenizer, peft_config=peft)


def curve(made):
    names = ("loss", "answer_loss", "abstention_loss", "closed_book_loss", "mean_token_accuracy", "num_tokens")
    return [{n: log[n] for n in names if n in log} for log in made.state.log_history if "loss" in log]


def close(one, other):
    assert [c.keys() for c in one] == [c.keys() for c in other] and len(one) > 3
    for a, b in zip(one, other, strict=True):
        assert a == pytest.approx(b, rel=2e-4, abs=2e-4)


def weights(made):
    return {name: p.detach().clone() for name, p in made.model.named_parameters() if p.requires_grad}


def test_batches_of_four_equal_four_of_one(model, tokenizer, tmp_path):
    whole = trainer(model, tokenizer, tmp_path / "a", lora=False, per_device_train_batch_size=4, **MOVING)
    parts = trainer(
        model,
        tokenizer,
        tmp_path / "b",
        lora=False,
        per_device_train_batch_size=1,
        gradient_accumulation_steps=4,
        **MOVING,
    )
    whole.train(), parts.train()
    close(curve(whole), curve(parts))


def test_workers_change_nothing(model, tokenizer, tmp_path):
    """Torch's loader draws from the global stream when it starts workers, so dropout layers do differ: none here."""
    workers = {"dataloader_num_workers": 2, "dataloader_persistent_workers": True}
    alone = trainer(model, tokenizer, tmp_path / "a", lora=False, **MOVING)
    helped = trainer(model, tokenizer, tmp_path / "b", lora=False, **workers, **MOVING)
    alone.train(), helped.train()
    assert curve(alone) == curve(helped) and len(curve(alone)) == 15


class Stop(TrainerCallback):
    """Ends the run as a kill would, right after a step."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


@pytest.mark.parametrize("strategy", ["random", "group_by_length"])
@pytest.mark.parametrize("at", [3, 5, 8], ids=["in the first epoch", "between epochs", "in the second"])
def test_resumed_equals_uninterrupted(model, tokenizer, tmp_path, at, strategy):
    keys = MOVING | {"save_strategy": "steps", "save_steps": 1, "train_sampling_strategy": strategy}
    whole = trainer(model, tokenizer, tmp_path / "a", **keys)
    whole.train()
    killed = trainer(model, tokenizer, tmp_path / "b", **keys)
    killed.add_callback(Stop(at + 1))
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    resumed = trainer(model, tokenizer, tmp_path / "b", **keys)
    resumed.train(resume_from_checkpoint=True)
    assert curve(resumed) == curve(whole) and len(curve(whole)) == 15
    first, second = weights(whole), weights(resumed)
    assert first and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("at", [2, 4, 10], ids=["between lines", "at a line", "after the last step"])
def test_the_log_of_a_resumed_training_tells_of_all_steps(model, tokenizer, tmp_path, at):
    """Mean loss, losses by outcome, tokens: as if nobody had stopped it."""
    keys = MOVING | {"save_strategy": "steps", "save_steps": 1, "max_steps": 10, "logging_steps": 4}
    whole = trainer(model, tokenizer, tmp_path / "a", **keys)
    told = timeless(whole.train().metrics)
    killed = trainer(model, tokenizer, tmp_path / "b", **keys)
    killed.add_callback(Stop(at + 1) if at < 10 else StopAtEnd())
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    resumed = trainer(model, tokenizer, tmp_path / "b", **keys)
    assert timeless(resumed.train(resume_from_checkpoint=True).metrics) == told
    lines = [list(map(timeless, found.state.log_history)) for found in (resumed, whole)]
    assert lines[0] == lines[1] and len(lines[0]) == 3 and lines[0][-1]["answer_loss"] > 0


class StopAtEnd(TrainerCallback):
    """Ends the run as a kill would after the last checkpoint."""

    def on_epoch_end(self, args, state, control, **kwargs):
        if state.global_step == state.max_steps:
            raise KeyboardInterrupt


def timeless(figures):
    return {name: value for name, value in figures.items() if not name.endswith(("_runtime", "_per_second"))}


def test_a_checkpoint_is_on_the_disk_before_its_note(tmp_path, monkeypatch):
    (tmp_path / "optimizer.pt").write_text("state")
    found = []
    monkeypatch.setattr(checkpoints, "to_disk", lambda folder: found.append(sorted(p.name for p in folder.iterdir())))
    checkpoints.mark_complete(tmp_path, {}, {})
    assert found == [["optimizer.pt"]] and (tmp_path / "selfdemo.json").exists()


def test_a_half_written_checkpoint_is_passed_over(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, save_strategy="steps", save_steps=2, max_steps=4)
    made.train()
    assert Path(last_checkpoint(tmp_path)).name == "checkpoint-4"
    (tmp_path / "checkpoint-4" / "selfdemo.json").unlink()
    assert Path(last_checkpoint(tmp_path)).name == "checkpoint-2"
    with pytest.raises(UserError, match="checkpoint-4 is not a complete checkpoint"):
        made.train(resume_from_checkpoint=str(tmp_path / "checkpoint-4"))


@pytest.mark.parametrize(
    ("keys", "dataset", "named"),
    [
        ({"learning_rate": 0.02}, None, "learning_rate .there 0.01, now 0.02"),
        ({"passage_order": "reversed"}, None, "passage_order"),
        ({}, rows(8), "rows"),
    ],
)
def test_a_checkpoint_of_another_run_is_refused(model, tokenizer, tmp_path, keys, dataset, named):
    save = {"save_strategy": "steps", "save_steps": 2, "max_steps": 4}
    trainer(model, tokenizer, tmp_path, **save).train()
    other = trainer(model, tokenizer, tmp_path, dataset, **(save | keys))
    with pytest.raises(UserError, match=f"made with other settings: .*{named}"):
        other.train(resume_from_checkpoint=True)


def test_without_a_checkpoint_resuming_starts_anew(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, max_steps=2)
    assert made.train(resume_from_checkpoint=True).global_step == 2


def test_a_loss_that_is_no_number_names_its_rows(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, max_steps=4)
    with torch.no_grad():
        next(made.model.parameters()).fill_(float("nan"))
    with pytest.raises(UserError, match=r"the loss is nan at step 0 on rows 'q\d', 'q\d'"):
        made.train()


def test_rows_are_evaluated_as_retrieved(model, tokenizer, tmp_path):
    moving = trainer(model, tokenizer, tmp_path / "a", max_steps=1, **MOVING)
    still = trainer(model, tokenizer, tmp_path / "b", max_steps=1)
    figures = [t.evaluate(rows(6))["eval_loss"] for t in (moving, still)]
    assert figures[0] == figures[1]
    moving.data_collator.epoch = 5
    assert moving.evaluate(rows(6))["eval_loss"] == figures[0]


def test_batches_grouped_by_length_hold_rows_of_like_length(model, tokenizer, tmp_path):
    def padding(strategy):
        made = trainer(
            model, tokenizer, tmp_path, rows(40), per_device_train_batch_size=4, train_sampling_strategy=strategy
        )
        return sum(int((batch["attention_mask"] == 0).sum()) for batch in made.get_train_dataloader())

    assert padding("group_by_length") < 0.7 * padding("random")


def test_lengths_are_those_of_the_preflight(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, train_sampling_strategy="group_by_length")
    encoded = [made.data_collator.encode(row) for row in made.train_dataset]
    assert list(made.train_dataset[LENGTH]) == [len(e.prompt) + len(e.response) for e in encoded]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"passage_order": "shuffle"}, "passage_order"),
        ({"early_stopping_patience": 2}, "early_stopping_patience needs"),
        ({"packing": True}, "packing"),
    ],
)
def test_keys_that_cannot_be_are_refused(model, tokenizer, tmp_path, keys, message):
    with pytest.raises((UserError, ValueError), match=message):
        trainer(model, tokenizer, tmp_path, **keys)


def test_settings_hold_no_secret_and_no_path(model, tokenizer, tmp_path):
    made = trainer(
        model, tokenizer, tmp_path, save_strategy="steps", save_steps=1, max_steps=1, hub_token="hf_very_secret"
    )
    made.train()
    text = (tmp_path / "checkpoint-1" / "selfdemo.json").read_text()
    assert "hf_very_secret" not in text and str(tmp_path) not in text and json.loads(text)["settings"]["max_steps"] == 1


def test_the_card_holds_the_on_policy_figures(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, max_steps=3, meter_rows=4)
    made.train()
    made.create_model_card(model_name="mine")
    card = (tmp_path / "README.md").read_text()
    assert f"{made.on_policy['base']['on_policy/chosen']:.2f}" in card.partition("## On-policy figures")[2]
    assert made.on_policy["base"] != made.on_policy["tuned"]


def test_base_figures_survive_an_interruption(model, tokenizer, tmp_path):
    keys = {"save_strategy": "steps", "save_steps": 2, "max_steps": 6, "meter_rows": 4}
    killed = trainer(model, tokenizer, tmp_path, **keys)
    killed.add_callback(Stop(5))
    with pytest.raises(KeyboardInterrupt):
        killed.train()
    resumed = trainer(model, tokenizer, tmp_path, **keys)
    resumed.train(resume_from_checkpoint=True)
    assert resumed.on_policy["base"] == killed.on_policy["base"] != resumed.on_policy["tuned"]


def test_warnings_of_the_preflight_are_logged(model, tokenizer, tmp_path, caplog):
    trainer(model, tokenizer, tmp_path, leave_gold_out_share=0.5)
    assert "preflight: " in caplog.text and "passage_dropout" in caplog.text
