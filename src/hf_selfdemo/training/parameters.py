"""What the trainers' constructors are given: each parameter of TRL's is obeyed, or refused with what to do instead."""

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
"""Parameters that TRL's trainers get as they are, beside those that `DemonstrationTraining` names itself."""

OWN = ("writer", "test_rows", "answerer", "tokens")
"""Parameters that TRL's trainers do not have."""

REFUSED = {
    "formatting_func": "the collator renders rows: change the templates, or give SFTTrainer what `to_trl` makes",
    "compute_loss_func": "the loss is that of the rows' replies: override compute_loss in a class of your own",
    "compute_metrics": "dev questions are asked and judged: their figures are in what `evaluate` returns",
    "preprocess_logits_for_metrics": "dev questions are asked and judged: their figures are in what `evaluate` returns",
}
"""Parameters that would have no effect on rows, with what to do instead."""


def check_parameters(model: Any, given: Mapping[str, Any]) -> None:
    """Refuse what the constructor could not obey.

    Args:
        model: the model that is given.
        given: parameters by name, but for those that the constructor names itself.

    Raises:
        UserError: for a model that is none, a parameter that would have no effect, or one that is not known.
    """
    if not isinstance(model, str | torch.nn.Module):
        raise UserError(f"the model is a {type(model).__name__}", "give a causal language model, or its name as a text")
    for name, value in given.items():
        if name in REFUSED and value is not None:
            raise UserError(f"{name} is not obeyed", REFUSED[name])
        if name not in (*OBEYED, *OWN, *REFUSED):
            raise UserError(f"the trainer takes no {name}", did_you_mean(name, [*OBEYED, *OWN]))
    if given.get("quantization_config") is not None and not isinstance(model, str):
        raise UserError("quantization_config has no effect on a model that is loaded", "load the model with it")


def own_config(args: Any, kind: type[Config], model: Any, purpose: str) -> Config:
    """The configuration of a trainer, made from what it was given.

    Args:
        args: one of `kind`, which is kept; a configuration of TRL's or transformers', whose every value is taken over;
            or None, for the defaults and TRL's own name of the output folder.
        kind: the trainer's own class of configurations.
        model: what is trained, which names the folder.
        purpose: the end of that name, "SFT" or "DPO".

    Raises:
        UserError: for something else, or a configuration of another trainer.
    """
    if args is None:
        return kind(output_dir=f"{_name_of(model).rpartition('/')[2]}-{purpose}")
    if isinstance(args, kind):
        return args
    if not isinstance(args, TrainingArguments):
        remedy = f"give a {kind.__name__}, and what comes after it by name"
        raise UserError(f"args is a {type(args).__name__}", remedy)
    values = {one.name: getattr(args, one.name) for one in fields(args) if one.init}
    renamed: Mapping[str, str | None] = getattr(kind, "renamed", {})
    values = {name: value for old, value in values.items() if (name := renamed.get(old, old))}
    if foreign := values.keys() - {one.name for one in fields(kind)}:
        what = f"args is a {type(args).__name__}, with {', '.join(sorted(foreign)[:3])}"
        raise UserError(what, f"give a {kind.__name__}")
    return kind(**values)


def own_tokenizer(given: Any, model: Any, args: Any) -> PreTrainedTokenizerBase:
    """The tokenizer that is given, or that of the model, as TRL finds it: by the model's name or path.

    Its chat template is that of `chat_template_path`, if one is given.

    Raises:
        UserError: for a processor, where none is given and the model has no name to find one by, or for a chat template
            that cannot be read.
    """
    template = read_chat_template(args.chat_template_path)
    if isinstance(given, PreTrainedTokenizerBase):
        if template is not None:
            given.chat_template = template
        return given
    if given is not None:
        raise UserError(f"processing_class is a {type(given).__name__}", "give the tokenizer alone")
    name = _name_of(model)
    if not name:
        raise UserError("processing_class is not given, and the model has no name", "give its tokenizer")
    revision = (args.model_init_kwargs or {}).get("revision") or "main"
    found: PreTrainedTokenizerBase = load_tokenizer(resolve_model(name, revision), args.trust_remote_code, template)
    return found


def check_arguments(args: Any, model: Any, rows: int, dev_rows: int = 0) -> None:
    """Refuse training keys that would end in an error, or in nothing, once training begins.

    Args:
        args: the training configuration.
        model: the model that is given.
        rows: how many are trained.
        dev_rows: how many dev rows have a loss.

    Raises:
        UserError: naming the key.
    """
    missing = set(args.report_to) & INTEGRATION_TO_CALLBACK.keys() - set(get_available_reporting_integrations())
    if missing:
        names = ", ".join(sorted(missing))
        raise UserError(f"report_to names {names}, which is not installed", "install it, or leave it out")
    if args.model_init_kwargs and not isinstance(model, str):
        remedy = "give keys of their own (dtype, attn_implementation), or load the model with them"
        raise UserError("model_init_kwargs has no effect on a model that is loaded", remedy)
    sizes = {"train": rows, "eval": dev_rows}
    for part, count in sizes.items():
        batch = getattr(args, f"per_device_{part}_batch_size") * args.world_size
        if args.dataloader_drop_last and 0 < count < batch:
            raise UserError(
                f"dataloader_drop_last drops all {count} rows of {part}, since a batch has {batch}",
                f"leave it out, or lower per_device_{part}_batch_size",
            )


def check_collator(given: Any, preference: bool) -> None:
    """Refuse a collator that does not render rows, or not into the batches that the trainer takes.

    Raises:
        UserError: with what to do instead.
    """
    if given is None:
        return
    if not isinstance(given, SelfDemoDataCollator):
        what = f"data_collator is a {type(given).__name__}, and rows are rendered by a SelfDemoDataCollator"
        raise UserError(what, "leave it out, or give TRL's own trainer what `to_trl` makes")
    if given.preference != preference:
        raise UserError(
            f"data_collator has preference={given.preference}", f"make it with preference={preference} for this trainer"
        )


def _name_of(model: Any) -> str:
    return model if isinstance(model, str) else getattr(getattr(model, "config", None), "name_or_path", "") or ""
