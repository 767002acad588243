"""What TRL's constructors take is obeyed or refused by name; nothing is taken and forgotten."""

import copy
import inspect

import pytest
import torch
from datasets import Dataset, DatasetDict
from peft import LoraConfig
from test_base import rows
from transformers import DataCollatorWithPadding, TrainerCallback, TrainingArguments
from trl import DPOConfig, DPOTrainer, GRPOTrainer, SFTConfig, SFTTrainer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.training.base import DemonstrationTraining
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.dpo import SelfDemoDPOConfig, SelfDemoDPOTrainer
from hf_selfdemo.training.parameters import OBEYED, OWN, REFUSED
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer

TRAINERS = {
    "sft": (SelfDemoTrainer, SFTTrainer, SelfDemoConfig),
    "dpo": (SelfDemoDPOTrainer, DPOTrainer, SelfDemoDPOConfig),
}
KEYS = {"max_steps": 1, "use_cpu": True, "report_to": [], "meter_rows": 0, "disable_tqdm": True}
NAMED = set(inspect.signature(DemonstrationTraining.__init__).parameters) - {"self", "kwargs"}


@pytest.fixture(params=TRAINERS)
def kind(request):
    return request.param


@pytest.fixture
def make(kind, model, tokenizer, tmp_path):
    """A trainer made with the tiny model; what is given replaces the defaults, and None leaves one out."""
    trainer, _, config = TRAINERS[kind]

    def made(**given):
        defaults = {"model": copy.deepcopy(model), "args": config(output_dir=str(tmp_path / "out"), **KEYS)}
        defaults |= {"train_dataset": rows(4), "processing_class": tokenizer}
        return trainer(**defaults | given)

    return made


def test_every_parameter_of_trl_is_obeyed_or_refused(kind):
    theirs = set(inspect.signature(TRAINERS[kind][1].__init__).parameters) - {"self"}
    assert theirs - NAMED - {*OBEYED} - {*REFUSED} == set(), "TRL takes something that nobody has decided on"
    assert not ({*OBEYED} | NAMED) & {*REFUSED}


def test_what_trl_does_not_have_is_taken_beside(make):
    told = make(writer={"name": "", "fingerprint": "f"}, test_rows=[{"id": "q0", "question": "?"}])
    warnings = " ".join(told.preflight_report.warnings)
    assert "it is unknown which model wrote the demonstrations" in warnings
    assert {*OWN} <= NAMED


def test_what_is_obeyed_or_refused_is_still_a_parameter_of_trl():
    trls = [*(trl for _, trl, _ in TRAINERS.values()), GRPOTrainer]
    theirs = {name for trl in trls for name in inspect.signature(trl.__init__).parameters}
    assert {*OBEYED, *REFUSED} <= theirs


@pytest.mark.parametrize("name", REFUSED)
def test_what_rows_cannot_obey_is_refused_by_name(make, name):
    with pytest.raises(UserError, match=f"^{name} has no effect in this trainer: "):
        make(**{name: lambda *_: None})
    assert make(**{name: None})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"data_collator": DataCollatorWithPadding(None)}, "data_collator is a DataCollatorWithPadding, not a Self"),
        ({"quantization_config": object()}, "quantization_config has no effect on a model that is already loaded"),
        ({"peft_confg": None}, "the trainer has no parameter peft_confg: did you mean 'peft_config'"),
        ({"train_dataset": None}, "train_dataset is missing: give demonstrations, or rows"),
        ({"train_dataset": DatasetDict({"train": Dataset.from_list([])})}, "the rows are of type DatasetDict"),
        ({"eval_dataset": {"dev": []}}, "the rows are of type dict"),
        ({"model": None}, "the model is of type NoneType"),
        ({"args": {"learning_rate": 1}}, "args is of type dict: give a SelfDemo"),
        ({"processing_class": "gpt2"}, "processing_class is a str, not a tokenizer: pass the tokenizer"),
        ({"processing_class": None}, "processing_class is missing, and the model has no name to load"),
    ],
)
def test_what_cannot_be_taken_is_one_line(make, given, said):
    with pytest.raises(UserError, match=r"^[^\n]+$") as refusal:
        make(**given)
    assert str(refusal.value).startswith(said)


def test_a_collator_for_the_other_kind_of_batch_is_refused(make, kind, tokenizer):
    with pytest.raises(UserError, match=f"data_collator has preference={kind == 'sft'}"):
        make(data_collator=SelfDemoDataCollator(tokenizer, preference=kind == "sft"))
    own = SelfDemoDataCollator(tokenizer, passage_order="reversed", preference=kind == "dpo")
    assert make(data_collator=own).data_collator is own


def test_the_models_own_tokenizer_is_found(make, model_folder, tokenizer):
    from transformers import AutoModelForCausalLM

    loaded = AutoModelForCausalLM.from_pretrained(model_folder)
    for given in (model_folder, loaded):
        found = make(model=given, processing_class=None).processing_class
        assert found.chat_template == tokenizer.chat_template and len(found) == len(tokenizer)


def test_without_arguments_the_defaults_hold_and_the_folder_has_trls_name(
    make, kind, model_folder, monkeypatch, tmp_path
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ACCELERATE_USE_CPU", "true")
    made = make(model=model_folder, args=None, processing_class=None)
    config = TRAINERS[kind][2]
    assert type(made.args) is config and made.args.output_dir == f"{model_folder.rpartition('/')[2]}-{kind.upper()}"
    assert made.args.learning_rate == config(output_dir="x", report_to=[]).learning_rate


def test_arguments_of_trl_and_of_transformers_are_taken_over(make, kind, tmp_path):
    theirs = {"sft": SFTConfig, "dpo": DPOConfig}[kind]
    common = {"output_dir": str(tmp_path / "theirs"), "learning_rate": 0.125, "hub_token": "t", **KEYS}
    common.pop("meter_rows")
    for given in (theirs(**common, bf16=False, max_length=700), TrainingArguments(**common)):
        made = make(args=given)
        assert type(made.args) is TRAINERS[kind][2] and made.args.passage_order == "as_retrieved"
        assert (made.args.learning_rate, made.args.hub_token) == (0.125, "t")
        assert made.args.max_length == getattr(given, "max_length", 2048)
        assert made.train().global_step == 1


def test_arguments_of_another_trainer_are_refused(make, kind, tmp_path):
    other = {"sft": SelfDemoDPOConfig, "dpo": SelfDemoConfig}[kind]
    told = f"args is a {other.__name__} with options .*: give a {TRAINERS[kind][2].__name__}"
    with pytest.raises(UserError, match=told):
        make(args=other(output_dir=str(tmp_path), **KEYS))


def test_callbacks_optimizers_and_adapters_are_obeyed(make, kind):
    class Seen(TrainerCallback):
        steps = 0

        def on_step_end(self, *_, **__):
            Seen.steps += 1

    plain = make(callbacks=[Seen()])
    optimizer = torch.optim.SGD(plain.model.parameters(), lr=0.5)
    made = make(model=plain.model, callbacks=[Seen()], optimizers=(optimizer, None))
    made.train()
    assert Seen.steps == 1 and made.optimizer.optimizer is optimizer
    adapted = make(peft_config=LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM"))
    assert list(adapted.model.peft_config) == ["default"]
    if kind == "sft":
        given = (torch.optim.SGD, {"lr": 0.25})
        assert isinstance(make(optimizer_cls_and_kwargs=given).create_optimizer(), torch.optim.SGD)


def test_a_quantisation_reaches_the_loader_of_a_model_given_by_name(make, kind, model_folder, monkeypatch):
    asked = {}

    def load(name, **kwargs):
        asked.update(kwargs, name=name)
        raise LookupError

    monkeypatch.setattr(f"trl.trainer.{kind}_trainer.create_model_from_path", load)
    with pytest.raises(LookupError):
        make(model=model_folder, quantization_config="four bits")
    assert asked["name"] == model_folder and asked["quantization_config"] == "four bits"


def test_the_collator_takes_rows_with_five_columns_and_passages_without_ids(tokenizer):
    passages = [{"title": "Germanium", "text": "Clemens Winkler discovered it."}, {"text": "Gallium melts."}]
    row = {"id": "a", "question": "Who?", "passages": passages, "response": "Winkler.", "outcome": "answer"}
    for keys in ({}, {"passage_order": "gold_first", "passage_dropout": 0.5}, {"leave_gold_out_share": 1.0}):
        holds = row | {"answers": ["Winkler"], "answer_in_context": True}
        batch = SelfDemoDataCollator(tokenizer, **keys)([row, holds])
        assert batch["ids"] == ["a", "a"] and (batch["labels"] >= 0).any(1).all()
