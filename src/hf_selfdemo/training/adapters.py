"""Adapters that cannot be trained here, or not to what they would later be taken for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

from accelerate.utils import is_peft_model
from peft import PeftConfig
from peft.tuners.trainable_tokens import TrainableTokensLayer
from peft.tuners.tuners_utils import check_target_module_exists

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation.last_logits import refuse_virtual_tokens
from hf_selfdemo.generation.tuned import adapters_on_tied_weights

REFERENCE = "ref"
"""TRL's name for the frozen copy of an adapter that is trained further."""


def check_adapters(model: Any) -> None:
    """Refuse virtual tokens, and adapters over embeddings that are the head as well.

    PEFT trains such adapters, and merges what they learnt for one place into the weight that both share; tying the
    adapters too (`ensure_weight_tying`) merges it twice. Whoever merges the adapter would have another model.

    Args:
        model: as it is about to be trained.

    Raises:
        UserError: with what to do.
    """
    if not is_peft_model(model):
        return
    refuse_virtual_tokens(model)
    if adapters_on_tied_weights(model):
        raise UserError(
            "the adapter changes embeddings and head, which share one weight in this model, and cannot be merged",
            "leave them out of lora_target_modules; lora_modules_to_save trains either as a weight of its own",
        )


def adds_tokens(model: Any) -> bool:
    """Whether an adapter is attached that trains the embeddings of some tokens."""
    return is_peft_model(model) and bool(_trained_tokens(model))


def check_added_trained(model: Any, ids: Sequence[int]) -> None:
    """Refuse an adapter under which control tokens of the method would stay as they were made.

    Args:
        model: as it is about to be trained.
        ids: of the tokens.

    Raises:
        UserError: with what to do.
    """
    if is_peft_model(model) and not {*ids} <= _trained_tokens(model) and not model.active_peft_config.modules_to_save:
        raise UserError(
            "the adapter does not train the embeddings of the method's control tokens",
            "give trainable_token_indices in peft_config, as generation.embeddings.trainable_indices makes them",
        )


def with_casting_switch(model: Any) -> None:
    """Give the layers of added tokens the switch that PEFT's `disable_input_dtype_casting` looks for on every layer.

    Args:
        model: as it is about to be trained; they cast nothing, so that the switch changes nothing.
    """
    for module in model.modules():
        if isinstance(module, TrainableTokensLayer):
            setattr(module, "cast_input_dtype_enabled", True)  # noqa: B010  # PEFT declares no such member


def _trained_tokens(model: Any) -> set[int]:
    found = getattr(model.active_peft_config, "trainable_token_indices", None) or []
    return {i for part in (found.values() if isinstance(found, dict) else [found]) for i in part}


@contextmanager
def saving(model: Any, **how: Any) -> Iterator[None]:
    """Let whoever saves an adapter do so with other keys of `save_pretrained`."""
    before = model.save_pretrained
    model.save_pretrained = partial(before, **how)
    try:
        yield
    finally:
        if isinstance(before, partial):
            model.save_pretrained = before
        else:
            del model.save_pretrained


def check_trained_further(model: Any, new: PeftConfig | None) -> None:
    """Refuse adapters that DPO and GRPO would not train, or not against the right reference.

    Args:
        model: the model, perhaps with an adapter.
        new: of the adapter that it is about to get.

    Raises:
        UserError: with what to do.
    """
    if isinstance(model, str):
        return  # TRL says it when it has loaded it
    adapters = model.peft_config if is_peft_model(model) else {}
    if adapters and "default" not in adapters:
        raise UserError(f"the adapter is named {next(iter(adapters))!r}", "load it without adapter_name")
    if REFERENCE in adapters:
        raise UserError(
            f"the model has an adapter named {REFERENCE!r} already, as the reference is to be",
            f"call model.delete_adapter({REFERENCE!r}) first",
        )
    if adapters and not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("the adapter is frozen", "load it with is_trainable=True")
    head = model.get_output_embeddings()
    name = next((name for name, module in model.named_modules() if module is head), "").rpartition(".")[2]
    for config in (new, *adapters.values()):
        if name and getattr(config, "target_modules", None) and check_target_module_exists(config, name):
            raise UserError(
                f"the adapter targets {name}, which the loss reads past", "leave it out of lora_target_modules"
            )
