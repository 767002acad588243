"""Logits of the last columns, at the same cost whether the head is frozen or not."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from hf_selfdemo.core.errors import UserError


def last_logits(model: Any, columns: int, **inputs: Any) -> torch.Tensor:
    """Run `model` forward and return the logits of the last columns, (rows, columns, vocabulary).

    transformers cuts these columns out of the hidden states as a strided view. Where the head's weight requires no
    gradient, as in every merged adapter, torch multiplies a strided batch by one copy of the weight a row. So the
    columns are made contiguous on their way into the head.

    Args:
        model: a causal language model of transformers, perhaps with an adapter.
        columns: how many.
        inputs: all else that its forward pass takes.

    Raises:
        UserError: if the model has an adapter of virtual tokens.
    """
    refuse_virtual_tokens(model)
    hook = contiguous_into_head(model)
    try:
        logits: torch.Tensor = model(**inputs, logits_to_keep=columns).logits
    finally:
        hook.remove()
    return logits


def contiguous_into_head(model: Any) -> RemovableHandle:
    """Make what comes into the head contiguous, until the handle is removed (see `last_logits`)."""

    def contiguous(head: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(states.contiguous() for states in args)

    handle: RemovableHandle = model.get_output_embeddings().register_forward_pre_hook(contiguous)
    return handle


def refuse_virtual_tokens(model: Any) -> None:
    """Refuse adapters that put virtual tokens before a prompt (prompt tuning, p-tuning, prefix tuning).

    PEFT puts them before every forward pass, also before one that continues a cache, and lets go of position ids, which
    rows padded on the left need. What is scored then stands in other columns than where it is looked for.

    Args:
        model: a causal language model, perhaps with an adapter.

    Raises:
        UserError: naming the kind of adapter.
    """
    if has_virtual_tokens(model):
        raise UserError(
            f"the adapter is of the kind {model.active_peft_config.peft_type.value}, whose virtual tokens move all "
            "columns",
            "train a LoRA adapter, or all weights",
        )


def has_virtual_tokens(model: Any) -> bool:
    """Whether an adapter of prompt learning is attached."""
    return bool(getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False))
