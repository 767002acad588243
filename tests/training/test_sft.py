"""Rows in are rows trained; what cannot be learnt is refused before the first step."""

import pytest
from datasets import Dataset

from hf_selfdemo.demonstrations import FEATURES
from hf_selfdemo.errors import UserError
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
    assert made.preflight_report["rows"] == 5


def test_loss_is_trls_loss(model, tokenizer, tmp_path):
    """Columns that are not asked for change nothing; TRL's own computation is the reference."""
    from trl import SFTTrainer

    made = trainer(model, tokenizer, tmp_path, rows(3, response="I don't know, it is not said.", outcome="abstain"))
    batch = made.data_collator(list(made.train_dataset))
    plain = {k: v for k, v in batch.items() if k != "abstention"}
    made.model.train()
    for count in (None, 50):
        expected = SFTTrainer.compute_loss(made, made.model, dict(plain), num_items_in_batch=count)
        assert made.compute_loss(made.model, batch, num_items_in_batch=count).item() == pytest.approx(
            expected.item(), rel=1e-5
        )


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
    assert made.preflight_report["rows"] == 2
    assert made.preflight_report["rows_with_passages_cut"] == 1
    assert made.preflight_report["longest"] <= 1024


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
    made = trainer(model, tokenizer, tmp_path, rows(2), num_train_epochs=3, shuffle_passages=True)
    epochs = []
    collate = made.data_collator
    made.data_collator = lambda batch: (epochs.append(collate.epoch), collate(batch))[1]
    made.train()
    assert epochs == [0, 1, 2]
