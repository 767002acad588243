"""Adapters on 4-bit and 8-bit weights (QLoRA): kept from what bitsandbytes and TRL would do to them unasked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from hf_selfdemo.core.errors import UserError

_REARRANGES = "support_avx512bf16_for_cpu"
"""Whether a `Linear4bit` of bitsandbytes may rearrange its weights; false on CPUs without AVX512-BF16."""


def keep_arrangement(model: Any) -> None:
    """Keep the 4-bit weights of `model` in the order in which gradients pass them.

    On a CPU with AVX512-BF16, a `Linear4bit` of bitsandbytes (0.49 and 0.50) that is called in evaluation mode moves
    its weights, for good, into the order of a kernel for inference, which has no backward pass. Training goes on with a
    warning at most, but no gradient passes such a layer any more: adapters learn next to nothing. One question asked
    before the first step is enough. Taking a `state_dict` afterwards, as a checkpoint does, moves the weights back but
    not their scales, and leaves a broken model.

    Args:
        model: a module of torch, with or without such layers.

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
    """Refuse 4-bit weights that were rearranged before they came here (see `keep_arrangement`).

    Args:
        model: a module of torch, with or without 4-bit weights.

    Raises:
        UserError: naming the first such weight. bitsandbytes cannot always put them back.

    Example:
        >>> check_arrangement(torch.nn.Linear(2, 2))
    """
    for name, weight in model.named_parameters():
        if getattr(getattr(weight, "quant_state", None), "packing_format_for_cpu", False):
            raise UserError(
                f"{name} was rearranged for inference when the model was asked, and passes no gradient",
                "load the 4-bit model anew and give it to the trainer before it is asked anything",
            )


def trainable_weights(model: Any) -> dict[str, torch.Tensor]:
    """The tensors that are trained, by name, as they are now.

    Args:
        model: a module of torch.

    Example:
        >>> sorted(trainable_weights(torch.nn.Linear(2, 2)))
        ['bias', 'weight']
    """
    return {name: weight.data for name, weight in model.named_parameters() if weight.requires_grad}


def keep_precision(model: Any, given: Mapping[str, torch.Tensor]) -> None:
    """Give adapters on quantised weights the precision back that TRL takes from them, as if these were whole.

    TRL rounds the adapters to bfloat16, whose steps are about 1/256 of a number. An update of Adam is about as large as
    the learning rate: with the small ones of preference training, or late in a schedule, it rounds to nothing for most
    weights of `lora_A`. An adapter that is trained further would start as another than it was, and in DPO as another
    than its own reference.

    Args:
        model: with adapters, as TRL left it; nothing is done if its weights are not quantised.
        given: `trainable_weights` of the model before; those are put back, and others are made float32.

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
