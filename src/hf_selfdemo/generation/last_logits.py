"""Computes the logits of the last columns at the same cost with a frozen and a trainable head."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.hooks import RemovableHandle

from hf_selfdemo.core.errors import UserError


def last_logits(model: Any, columns: int, **inputs: Any) -> torch.Tensor:
    """Run `model` forward and return the logits of the last columns, (rows, columns, vocabulary).

    transformers takes these columns from the hidden states as a strided view. If the head's weight requires no
    gradient, as after every merge of an adapter, torch multiplies a strided batch with a copy of the weight for each
    row. So the columns are made contiguous before the head.

    Args:
        model: a causal language model of transformers, with or without an adapter.
        columns: the number of columns.
        inputs: the other inputs of its forward pass.

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
    """Make the input of the head contiguous until the handle is removed (see `last_logits`)."""

    def contiguous(head: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(states.contiguous() for states in args)

    handle: RemovableHandle = model.get_output_embeddings().register_forward_pre_hook(contiguous)
    return handle


def refuse_virtual_tokens(model: Any) -> None:
    """Reject adapters that put virtual tokens before a prompt (prompt tuning, p-tuning, prefix tuning).

    PEFT puts them before every forward pass, even one that continues a cache, and drops the position ids, which rows
    padded on the left need. Scores would be read from the wrong columns.

    Args:
        model: a causal language model, with or without an adapter.

    Raises:
        UserError: if there is such an adapter. The message names its kind.
    """
    if has_virtual_tokens(model):
        raise UserError(
            f"the adapter is of the kind {model.active_peft_config.peft_type.value}, whose virtual tokens shift all "
            "token positions",
            "train a LoRA adapter, or all weights, instead",
        )


def has_virtual_tokens(model: Any) -> bool:
    """Whether an adapter with virtual tokens is attached."""
    return bool(getattr(getattr(model, "active_peft_config", None), "is_prompt_learning", False))
