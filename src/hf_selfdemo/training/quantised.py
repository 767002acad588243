"""Adapters on 4-bit and 8-bit weights (QLoRA): protection from silent changes by bitsandbytes and TRL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hf_selfdemo.core.errors import UserError

_REARRANGES = "support_avx512bf16_for_cpu"
"""Attribute of bitsandbytes' `Linear4bit`: whether it may rearrange its weights; false on CPUs without AVX512-BF16."""


def keep_arrangement(model: Any) -> None:
    """Stop bitsandbytes from rearranging the 4-bit weights of `model` for inference, which would block gradients.

    On a CPU with AVX512-BF16, calling a `Linear4bit` of bitsandbytes (0.49 and 0.50) in evaluation mode permanently
    rearranges its weights for an inference kernel without a backward pass. A single question asked before the first
    step is enough. Training then continues with a warning at most, but no gradient passes the layer, and adapters learn
    next to nothing. A later `state_dict`, as in a checkpoint, restores the weights but not their scales, which breaks
    the model.

    Args:
        model: a torch module, with or without such layers.

    Example:
        >>> layer = torch.nn.Linear(2, 2)
        >>> layer.support_avx512bf16_for_cpu = True
        >>> keep_arrangement(layer)
        >>> layer.support_avx512bf16_for_cpu
        False
    """
    for module in model.modules():
        if hasattr(module, _REARRANGES):
            setattr(module, _REARRANGES, False)


def check_arrangement(model: Any) -> None:
    """Reject 4-bit weights that are already rearranged for inference (see `keep_arrangement`).

    Args:
        model: a torch module, with or without 4-bit weights.

    Raises:
        UserError: naming the first such weight. bitsandbytes cannot always restore them.

    Example:
        >>> check_arrangement(torch.nn.Linear(2, 2))
    """
    for name, weight in model.named_parameters():
        if getattr(getattr(weight, "quant_state", None), "packing_format_for_cpu", False):
            raise UserError(
                f"{name} was rearranged for inference when the model was called, and passes no gradient",
                "load the 4-bit model again, and give it to the trainer before you call it",
            )


def trainable_weights(model: Any) -> dict[str, torch.Tensor]:
    """The current trainable tensors by name.

    Args:
        model: a torch module.

    Example:
        >>> sorted(trainable_weights(torch.nn.Linear(2, 2)))
        ['bias', 'weight']
    """
    return {name: weight.data for name, weight in model.named_parameters() if weight.requires_grad}


def keep_precision(model: Any, given: Mapping[str, torch.Tensor]) -> None:
    """Restore adapters on quantised weights to float32, after TRL has rounded them to bfloat16.

    bfloat16 has a relative precision of about 1/256, and an Adam update is about as large as the learning rate. With
    the small learning rates of preference training, or late in a schedule, the update of most weights of `lora_A`
    rounds to zero. An adapter that is trained further would also start different from what it was, and in DPO from its
    own reference.

    Args:
        model: a model with adapters, as TRL left it; nothing happens if its weights are not quantised.
        given: `trainable_weights` of the model before. These are restored, and others are cast to float32.

    Example:
        >>> layer = torch.nn.Linear(2, 2, bias=False).to(torch.bfloat16)
        >>> layer.is_loaded_in_4bit = True
        >>> keep_precision(layer, {})
        >>> layer.weight.dtype
        torch.float32
    """
    if getattr(model, "is_loaded_in_4bit", False) or getattr(model, "is_loaded_in_8bit", False):
        for name, weight in model.named_parameters():
            if weight.requires_grad:
                weight.data = given.get(name, weight.data.float())
