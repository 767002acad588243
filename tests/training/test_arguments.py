"""A training key is obeyed, or refused by its name before anything is trained."""

import copy

import pytest
from datasets import Dataset
from transformers.integrations import integration_utils

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.rows import FEATURES
from hf_selfdemo.training import parameters
from hf_selfdemo.training.arguments import UNHEEDED
from hf_selfdemo.training.decisive import told_keys
from hf_selfdemo.training.dpo import SelfDemoDPOConfig, SelfDemoDPOTrainer
from hf_selfdemo.training.given import given_rows
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer
from hf_selfdemo.verbs.cli import parse

ROW = {
    "id": "1",
    "question": "Who discovered germanium?",
    "passages": [{"text": "Clemens Winkler discovered it in 1886.", "title": "Germanium"}],
    "answers": ["Winkler", "Clemens Winkler"],
    "response": "Clemens Winkler.",
    "outcome": "answer",
    "rejected": "Bernard Courtois.",
}
KINDS = {SelfDemoTrainer: SelfDemoConfig, SelfDemoDPOTrainer: SelfDemoDPOConfig}
ANOTHER = {
    "completion_only_loss": False,
    "dataset_kwargs": {"add_special_tokens": True},
    "dataset_text_field": "content",
    "eval_packing": True,
    "include_for_metrics": ["loss"],
    "label_names": ["labels"],
    "liger_kernel_config": {"swiglu": False},
    "packing_strategy": "wrapped",
    "pad_to_multiple_of": 8,
    "resume_from_checkpoint": "runs/a",
    "truncation_mode": "keep_end",
    "dataset_num_proc": 2,
    "eos_token": "<|im_end|>",
    "pad_token": "<|im_end|>",
}
"""Of a key that nothing heeds, a value that asks for something; `True` where there is none here."""


def trainer(model, tokenizer, folder, kind=SelfDemoTrainer, rows=(ROW,), **keys):
    defaults = {"use_cpu": True, "max_steps": 1, "meter_rows": 0, "report_to": []}
    args = KINDS[kind](output_dir=str(folder), **(defaults | keys))
    return kind(model, args, rows if isinstance(rows, Dataset) else list(rows), tokenizer)


@pytest.mark.parametrize("key", UNHEEDED)
def test_a_key_that_would_change_nothing_is_refused(key):
    value = ANOTHER.get(key, True)
    with pytest.raises(UserError, match=f"{key} is .* has no effect"):
        SelfDemoConfig(output_dir="x", **{key: value})
    if key in SelfDemoDPOConfig.__dataclass_fields__:
        with pytest.raises(UserError, match=f"{key} is .* has no effect"):
            SelfDemoDPOConfig(output_dir="x", **{key: value})


def test_it_is_refused_by_every_verb_that_reads_the_recipe():
    with pytest.raises(UserError, match="completion_only_loss is False, but this option has no effect"):
        parse(["--output_dir=x", "--completion_only_loss=false"])
    with pytest.raises(UserError, match="greater_is_better cannot be set, because metric_for_best_model decides it"):
        parse(["--output_dir=x", "--greater_is_better=true"])


def test_its_usual_value_is_taken(model, tokenizer, tmp_path):
    usual = {key: harmless[-1] for key, harmless in UNHEEDED.items()}
    assert trainer(model, tokenizer, tmp_path, **usual).train().global_step == 1


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"report_to": ["wandb"]}, "report_to names wandb, which is not installed"),
        ({"model_init_kwargs": {"dtype": "bfloat16"}}, "model_init_kwargs has no effect on a model"),
        (
            {"dataloader_drop_last": True, "per_device_train_batch_size": 2},
            "drops all 1 train rows, because a batch needs 2",
        ),
    ],
)
def test_what_would_fail_or_do_nothing_in_training_is_refused_before(
    model, tokenizer, tmp_path, monkeypatch, keys, said
):
    available = integration_utils.get_available_reporting_integrations()
    monkeypatch.setattr(
        parameters, "get_available_reporting_integrations", lambda: [name for name in available if name != "wandb"]
    )
    with pytest.raises(UserError, match=said):
        trainer(model, tokenizer, tmp_path, **keys)


def test_pairs_are_not_free_of_padding(model, tokenizer, tmp_path):
    with pytest.raises(UserError, match="padding_free does not work with objective dpo"):
        trainer(model, tokenizer, tmp_path, SelfDemoDPOTrainer, padding_free=True)


@pytest.mark.parametrize("kind", KINDS)
def test_the_chat_template_that_is_named_is_trained_and_saved(model, tokenizer, tmp_path, kind):
    own, path = copy.deepcopy(tokenizer), tmp_path / "other.jinja"
    template = tokenizer.chat_template.replace("message['role'] + '\n'", "message['role'] + ' says\n'")
    path.write_text(template.replace("assistant\n", "assistant says\n"))
    made = trainer(model, own, tmp_path / "a", kind, chat_template_path=str(path))
    assert "assistant says" in own.decode(made.data_collator.encode(made.train_dataset[0]).prompt)
    made.train()
    made.save_model()
    assert "assistant says" in (tmp_path / "a" / "chat_template.jinja").read_text()
    with pytest.raises(UserError, match=r"chat_template_path 'tiny/model' is not a Jinja file"):
        trainer(model, own, tmp_path / "b", kind, chat_template_path="tiny/model")


@pytest.mark.parametrize("form", ["numpy", "pandas", "torch"])
@pytest.mark.parametrize("kind", KINDS)
def test_rows_train_the_same_whatever_they_were_set_to_come_as(model, tokenizer, tmp_path, form, kind):
    whole = given_rows([ROW, ROW | {"id": "2"}])
    assert set(whole.column_names) == set(FEATURES)
    losses = []
    for rows in (whole, whole.with_format(form)):
        made = trainer(copy.deepcopy(model), tokenizer, tmp_path, kind, rows, logging_steps=1)
        losses.append(made.train().training_loss)
    assert losses[0] == losses[1]


def test_a_key_of_ours_is_told_on_a_card_where_it_is_set_and_decides_the_weights():
    """No list names it: one that is added is told, too."""
    set_ = {"passage_dropout": 0.2, "dev_modes": ["rag"], "meter_rows": 9, "output_dir": "runs/a"}
    assert told_keys(set_ | {"chat_template_path": "a.jinja", "passage_order": "as_retrieved"}) == {
        "passage_dropout": 0.2,
        "dev_modes": ["rag"],
    }
