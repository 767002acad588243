"""Rows in are rows trained; what cannot be learnt is refused before the first step."""

import copy

import pytest
import torch
from datasets import Dataset
from trl import SFTTrainer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.methods.demonstrations import FEATURES
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer


def rows(count, **changes):
    blank = dict.fromkeys(FEATURES) | {"mode": "rag", "answers": [], "candidates": [], "outcome": "answer"}
    passage = {"id": "p", "title": "Germanium", "text": "Clemens Winkler discovered it. " * 20, "score": 1.0}
    made = [
        blank
        | {
            "id": f"q{i}",
            "question": f"Who discovered element {i}?",
            "passages": [passage],
            "response": f"Winkler {i}.",
        }
        for i in range(count)
    ]
    made[-1] |= changes
    return Dataset.from_list(made, features=FEATURES)


def mixed():
    """Three rows of different lengths, one of which declines."""
    made = rows(4, response="I don't know, it is not said.", outcome="abstain").to_list()
    made[1]["response"] += " They all say so."
    made[2]["passages"][0]["text"] = "Short."
    return Dataset.from_list(made[1:], features=FEATURES)


def trainer(model, tokenizer, tmp_path, dataset, **keys):
    defaults = {
        "per_device_train_batch_size": 2,
        "max_steps": -1,
        "num_train_epochs": 1,
        "use_cpu": True,
        "logging_steps": 1,
    }
    args = SelfDemoConfig(output_dir=str(tmp_path), **(defaults | keys))
    return SelfDemoTrainer(model, args, dataset, tokenizer)


def test_every_row_is_trained(model, tokenizer, tmp_path):
    seen = []
    made = trainer(model, tokenizer, tmp_path, rows(5))
    collate = made.data_collator
    made.data_collator = lambda batch: (seen.extend(r["id"] for r in batch), collate(batch))[1]
    made.train()
    assert sorted(seen) == ["q0", "q1", "q2", "q3", "q4"]
    assert made.preflight_report.rows == 5


def test_a_budget_of_tokens_decides_how_many_steps_there_are(model, tokenizer, tmp_path):
    once = trainer(model, tokenizer, tmp_path, mixed())
    tokens = once.preflight_report.tokens
    made = trainer(model, tokenizer, tmp_path, mixed(), train_tokens=4 * tokens, num_train_epochs=1)
    assert made.train().global_step == 8, "three rows in batches of two are two steps"
    assert made.state.log_history[-2]["num_tokens"] == pytest.approx(4 * tokens, rel=0.1)
    with pytest.raises(UserError, match=f"train_tokens is 5, but one step has about {tokens / 2:.0f}"):
        trainer(model, tokenizer, tmp_path, mixed(), train_tokens=5)


def test_mixed_precision_without_an_accelerator_is_that_of_the_cpu(tmp_path):
    accelerated = torch.accelerator.is_available()
    assert SelfDemoConfig(output_dir=str(tmp_path), bf16=True).use_cpu is not accelerated


@pytest.mark.parametrize("loss_type", ["nll", "dft"])
def test_loss_is_trls_loss(model, tokenizer, tmp_path, loss_type):
    """Columns that are not asked for change nothing; TRL's own computation is the reference."""
    made = trainer(model, tokenizer, tmp_path, mixed(), loss_type=loss_type)
    batch = made.data_collator(list(made.train_dataset))
    plain = {k: v for k, v in batch.items() if k not in ("kinds", "ids")}
    made.model.train()
    for count in (None, 50):
        expected = SFTTrainer.compute_loss(made, made.model, dict(plain), num_items_in_batch=count)
        assert made.compute_loss(made.model, batch, num_items_in_batch=count).item() == pytest.approx(
            expected.item(), rel=1e-5
        )


def test_smoothed_loss_is_transformers_own(model, tokenizer, tmp_path):
    from transformers.trainer_pt_utils import LabelSmoother

    made = trainer(model, tokenizer, tmp_path, mixed(), label_smoothing_factor=0.2)
    batch = made.data_collator(list(made.train_dataset))
    inputs = {k: batch[k] for k in ("input_ids", "attention_mask", "position_ids")}
    expected = LabelSmoother(0.2)({"logits": made.model(**inputs).logits}, batch["labels"], shift_labels=True)
    assert made.compute_loss(made.model, batch).item() == pytest.approx(expected.item(), rel=1e-5)


def test_padding_free_batches_have_the_same_loss(model, tokenizer, tmp_path):
    padded = trainer(model, tokenizer, tmp_path, mixed())
    free = trainer(copy.deepcopy(model), tokenizer, tmp_path, mixed(), padding_free=True)
    assert free.args.padding_free
    batches = [made.data_collator(list(made.train_dataset)) for made in (padded, free)]
    assert batches[1]["input_ids"].shape[0] == 1
    losses = [made.compute_loss(made.model, batch) for made, batch in zip((padded, free), batches, strict=True)]
    assert losses[0].item() == pytest.approx(losses[1].item(), rel=1e-5)
    free.train()
    assert free.state.global_step == 2


def test_weight_of_abstentions_scales_their_part_alone(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, mixed())
    abstain = made.data_collator([row for row in made.train_dataset if row["outcome"] == "abstain"])
    answer = made.data_collator([row for row in made.train_dataset if row["outcome"] == "answer"])
    before = [made.compute_loss(made.model, batch).item() for batch in (abstain, answer)]
    made.args.abstention_weight = 0.25
    after = [made.compute_loss(made.model, batch).item() for batch in (abstain, answer)]
    assert after == pytest.approx([0.25 * before[0], before[1]])


def test_logged_losses_are_means_over_all_tokens_since_the_last_log(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, mixed(), logging_steps=2, learning_rate=1e-12)
    made.train()
    [logged] = [entry for entry in made.state.log_history if "answer_loss" in entry]
    for name, kind in (("answer_loss", "answer"), ("abstention_loss", "abstain")):
        batch = made.data_collator([row for row in made.train_dataset if row["outcome"] == kind])
        assert logged[name] == pytest.approx(made.compute_loss(made.model, batch).item(), rel=1e-4)


@pytest.mark.parametrize(
    ("keys", "message"), [({"packing": True}, "padding_free"), ({"loss_type": "chunked_nll"}, "DID NOT RAISE")]
)
def test_what_rows_cannot_do_is_refused(model, tokenizer, tmp_path, keys, message):
    if "packing" in keys:
        with pytest.raises(UserError, match=message):
            trainer(model, tokenizer, tmp_path, mixed(), **keys)
    else:  # TRL takes it for nll, with a note
        with pytest.warns(FutureWarning):
            assert trainer(model, tokenizer, tmp_path, mixed(), **keys).args.loss_type == "nll"


def test_answers_and_abstentions_are_logged_apart(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, rows(2, outcome="abstain"), per_device_train_batch_size=1)
    made.train()
    logged = {key for entry in made.state.log_history for key in entry}
    assert {"answer_loss", "abstention_loss", "num_tokens"} <= logged


def test_loss_falls(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, rows(4), num_train_epochs=8, learning_rate=3e-3)
    made.train()
    losses = [entry["loss"] for entry in made.state.log_history if "loss" in entry]
    assert losses[-1] < 0.7 * losses[0]


def test_long_rows_are_kept_where_trl_would_cut_them(model, tokenizer, tmp_path):
    """With TRL's own limit of 1,024 tokens a plain SFTTrainer filters such rows out; here only a passage goes."""
    long = [{"id": f"p{i}", "title": "t", "text": "word " * 400, "score": 1.0} for i in range(3)]
    made = trainer(model, tokenizer, tmp_path, rows(2, passages=long), max_length=1024)
    assert made.preflight_report.rows == 2
    assert made.preflight_report.cut == 1
    assert made.preflight_report.longest <= 1024


@pytest.mark.parametrize(
    ("changes", "keys", "message"),
    [
        ({"response": ""}, {}, "'q2' has an empty response"),
        ({"question": "why? " * 400}, {"max_length": 256}, "'q2' needs .* raise max_length"),
    ],
)
def test_rows_that_cannot_be_learnt_are_named(model, tokenizer, tmp_path, changes, keys, message):
    with pytest.raises(UserError, match=message):
        trainer(model, tokenizer, tmp_path, rows(3, **changes), **keys)


def test_an_empty_dataset_is_refused(model, tokenizer, tmp_path):
    with pytest.raises(UserError, match="no demonstration"):
        trainer(model, tokenizer, tmp_path, rows(1).select([]))


def test_passage_order_moves_with_the_epoch(model, tokenizer, tmp_path):
    made = trainer(model, tokenizer, tmp_path, rows(2), num_train_epochs=3, passage_order="shuffled")
    epochs = []
    collate = made.data_collator
    made.data_collator = lambda batch: (epochs.append(collate.epoch), collate(batch))[1]
    made.train()
    assert epochs == [0, 1, 2]
