"""Checks that reject adapters which cannot be trained here or would not work after training."""

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
"""TRL's name for the frozen reference copy of an adapter that is trained further."""


def check_adapters(model: Any) -> None:
    """Reject virtual tokens, and adapters on embeddings that share their weight with the head.

    PEFT can train an adapter on tied weights, but merging it changes embeddings and head at once, and with
    `ensure_weight_tying` twice. The merged model would differ from the model with the adapter.

    Args:
        model: the model, just before training.

    Raises:
        UserError: if the adapter is of such a kind.
    """
    if not is_peft_model(model):
        return
    refuse_virtual_tokens(model)
    if adapters_on_tied_weights(model):
        raise UserError(
            "the adapter targets the embeddings or the head, which share one weight in this model, so that it could "
            "not be merged",
            "remove them from lora_target_modules, or name them in lora_modules_to_save to train a separate copy",
        )


def adds_tokens(model: Any) -> bool:
    """Whether the model has an adapter that trains the embeddings of single tokens."""
    return is_peft_model(model) and bool(_trained_tokens(model))


def check_added_trained(model: Any, ids: Sequence[int]) -> None:
    """Reject an adapter that leaves the embeddings of the method's control tokens untrained.

    Args:
        model: the model, just before training.
        ids: ids of these tokens.

    Raises:
        UserError: if the adapter does not train all of them.
    """
    if is_peft_model(model) and not {*ids} <= _trained_tokens(model) and not model.active_peft_config.modules_to_save:
        raise UserError(
            "the adapter does not train the embeddings of the method's control tokens",
            "set trainable_token_indices in peft_config to the result of generation.embeddings.trainable_indices",
        )


def with_casting_switch(model: Any) -> None:
    """Add the attribute that PEFT's `disable_input_dtype_casting` expects on every layer to layers of added tokens.

    These layers cast nothing, so the attribute changes no result.

    Args:
        model: the model, just before training.
    """
    for module in model.modules():
        if isinstance(module, TrainableTokensLayer):
            setattr(module, "cast_input_dtype_enabled", True)  # noqa: B010  # PEFT declares no such member


def _trained_tokens(model: Any) -> set[int]:
    found = getattr(model.active_peft_config, "trainable_token_indices", None) or []
    return {i for part in (found.values() if isinstance(found, dict) else [found]) for i in part}


@contextmanager
def saving(model: Any, **how: Any) -> Iterator[None]:
    """Within this context, `model.save_pretrained` is called with the arguments in `how`."""
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
    """Reject adapters that DPO and GRPO would not train, or would compare with the wrong reference.

    Args:
        model: the model, with or without an adapter.
        new: the configuration of the adapter that the trainer will add, if any.

    Raises:
        UserError: if the adapter has another name than "default", is frozen or targets the head.
    """
    if isinstance(model, str):
        return  # TRL checks it after loading
    adapters = model.peft_config if is_peft_model(model) else {}
    if adapters and "default" not in adapters:
        raise UserError(
            f"the adapter is named {next(iter(adapters))!r} instead of 'default'", "load it without adapter_name"
        )
    if REFERENCE in adapters:
        raise UserError(
            f"the model already has an adapter named {REFERENCE!r}, the name that the reference needs",
            f"call model.delete_adapter({REFERENCE!r}) first",
        )
    if adapters and not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("the adapter is frozen", "load it with is_trainable=True")
    head = model.get_output_embeddings()
    name = next((name for name, module in model.named_modules() if module is head), "").rpartition(".")[2]
    for config in (new, *adapters.values()):
        if name and getattr(config, "target_modules", None) and check_target_module_exists(config, name):
            raise UserError(
                f"the adapter targets {name}, which this loss does not call", "remove it from lora_target_modules"
            )
