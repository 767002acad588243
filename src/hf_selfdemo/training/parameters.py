"""Checks of the trainers' parameters: each parameter of TRL has an effect here, or is rejected with a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar

import torch
from transformers import PreTrainedTokenizerBase, TrainingArguments
from transformers.integrations.integration_utils import (
    INTEGRATION_TO_CALLBACK,
    get_available_reporting_integrations,
)

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.generation.models import load_tokenizer, read_chat_template, resolve_model
from hf_selfdemo.training.collator import SelfDemoDataCollator

Config = TypeVar("Config", bound=TrainingArguments)

OBEYED = (
    "callbacks",
    "optimizers",
    "optimizer_cls_and_kwargs",
    "quantization_config",
    "peft_config",
    "ref_model",
    "reward_funcs",
)
"""Parameters that are passed on to TRL's trainers, besides those that `DemonstrationTraining` names itself."""

OWN = ("writer", "test_rows", "answerer", "tokens")
"""Parameters that TRL's trainers do not have."""

REFUSED = {
    "formatting_func": "the collator renders rows: change the templates, or pass the result of `to_trl` to SFTTrainer",
    "compute_loss_func": "override compute_loss in a subclass",
    "compute_metrics": "read the metrics of the dev questions in the result of `evaluate`",
    "preprocess_logits_for_metrics": "read the metrics of the dev questions in the result of `evaluate`",
}
"""Parameters that have no effect on structured rows, each with the remedy."""


def check_parameters(model: Any, given: Mapping[str, Any]) -> None:
    """Reject parameters that would have no effect.

    Args:
        model: the `model` parameter.
        given: parameters by name, without those that the constructor names itself.

    Raises:
        UserError: if `model` is not a model, or a parameter is unknown or has no effect.
    """
    if not isinstance(model, str | torch.nn.Module):
        raise UserError(f"the model is of type {type(model).__name__}", "give a causal language model, or its name")
    for name, value in given.items():
        if name in REFUSED and value is not None:
            raise UserError(f"{name} has no effect in this trainer", REFUSED[name])
        if name not in (*OBEYED, *OWN, *REFUSED):
            raise UserError(f"the trainer has no parameter {name}", did_you_mean(name, [*OBEYED, *OWN]))
    if given.get("quantization_config") is not None and not isinstance(model, str):
        raise UserError(
            "quantization_config has no effect on a model that is already loaded", "pass it when you load the model"
        )


def own_config(args: Any, kind: type[Config], model: Any, purpose: str) -> Config:
    """The configuration of a trainer, converted to the trainer's own class.

    Args:
        args: an instance of `kind`, which is returned unchanged; a configuration of TRL or transformers, whose values
            are all copied; or None, for the defaults and TRL's name of the output folder.
        kind: the trainer's own configuration class.
        model: the model to train, which names the output folder.
        purpose: suffix of that name, "SFT" or "DPO".

    Raises:
        UserError: if `args` is something else, or a configuration of another trainer.
    """
    if args is None:
        return kind(output_dir=f"{_name_of(model).rpartition('/')[2]}-{purpose}")
    if isinstance(args, kind):
        return args
    if not isinstance(args, TrainingArguments):
        remedy = f"give a {kind.__name__}, and pass the parameters after it by name"
        raise UserError(f"args is of type {type(args).__name__}", remedy)
    values = {one.name: getattr(args, one.name) for one in fields(args) if one.init}
    renamed: Mapping[str, str | None] = getattr(kind, "renamed", {})
    values = {name: value for old, value in values.items() if (name := renamed.get(old, old))}
    if foreign := values.keys() - {one.name for one in fields(kind)}:
        what = f"args is a {type(args).__name__} with options of another trainer: {', '.join(sorted(foreign)[:3])}"
        raise UserError(what, f"give a {kind.__name__}")
    return kind(**values)


def own_tokenizer(given: Any, model: Any, args: Any) -> PreTrainedTokenizerBase:
    """The given tokenizer, or one loaded by the model's name or path, as in TRL.

    If `chat_template_path` is set, that file replaces its chat template.

    Raises:
        UserError: if `given` is a processor, if nothing is given and the model has no name, or if the chat template
            cannot be read.
    """
    template = read_chat_template(args.chat_template_path)
    if isinstance(given, PreTrainedTokenizerBase):
        if template is not None:
            given.chat_template = template
        return given
    if given is not None:
        raise UserError(
            f"processing_class is a {type(given).__name__}, not a tokenizer", "pass the tokenizer as processing_class"
        )
    name = _name_of(model)
    if not name:
        raise UserError(
            "processing_class is missing, and the model has no name to load a tokenizer by",
            "pass the tokenizer as processing_class",
        )
    revision = (args.model_init_kwargs or {}).get("revision") or "main"
    found: PreTrainedTokenizerBase = load_tokenizer(resolve_model(name, revision), args.trust_remote_code, template)
    return found


def check_arguments(args: Any, model: Any, rows: int, dev_rows: int = 0) -> None:
    """Reject training options that would cause an error, or have no effect, once training starts.

    Args:
        args: the training configuration.
        model: the `model` parameter.
        rows: number of training rows.
        dev_rows: number of dev rows that have a loss.

    Raises:
        UserError: naming the option.
    """
    missing = set(args.report_to) & INTEGRATION_TO_CALLBACK.keys() - set(get_available_reporting_integrations())
    if missing:
        names = ", ".join(sorted(missing))
        raise UserError(f"report_to names {names}, which is not installed", "install it, or remove it from report_to")
    if args.model_init_kwargs and not isinstance(model, str):
        remedy = "set the options dtype or attn_implementation instead, or pass it when you load the model"
        raise UserError("model_init_kwargs has no effect on a model that is already loaded", remedy)
    sizes = {"train": rows, "eval": dev_rows}
    for part, count in sizes.items():
        batch = getattr(args, f"per_device_{part}_batch_size") * args.world_size
        if args.dataloader_drop_last and 0 < count < batch:
            raise UserError(
                f"dataloader_drop_last drops all {count} {part} rows, because a batch needs {batch}",
                f"remove dataloader_drop_last, or lower per_device_{part}_batch_size",
            )


def check_collator(given: Any, preference: bool) -> None:
    """Reject a collator that cannot render rows, or renders them into other batches than the trainer needs.

    Raises:
        UserError: for such a collator.
    """
    if given is None:
        return
    if not isinstance(given, SelfDemoDataCollator):
        what = f"data_collator is a {type(given).__name__}, not a SelfDemoDataCollator"
        raise UserError(what, "remove it, or pass the result of `to_trl` to TRL's own trainer")
    if given.preference != preference:
        raise UserError(
            f"data_collator has preference={given.preference}", f"set preference={preference} for this trainer"
        )


def _name_of(model: Any) -> str:
    return model if isinstance(model, str) else getattr(getattr(model, "config", None), "name_or_path", "") or ""
