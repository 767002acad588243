"""Logits of the last columns, at the same cost whether the head is frozen or not."""

from __future__ import annotations

from typing import Any

import torch


def last_logits(model: Any, columns: int, **inputs: Any) -> torch.Tensor:
    """Run `model` forward and return the logits of the last columns, (rows, columns, vocabulary).

    transformers cuts these columns out of the hidden states as a strided view. Where the head's weight requires no
    gradient, as in every merged adapter, torch multiplies a strided batch by one copy of the weight a row. So the
    columns are made contiguous on their way into the head.

    Args:
        model: a causal language model of transformers, perhaps with an adapter.
        columns: how many.
        inputs: all else that its forward pass takes.
    """

    def contiguous(head: Any, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(states.contiguous() for states in args)

    hook = model.get_output_embeddings().register_forward_pre_hook(contiguous)
    try:
        logits: torch.Tensor = model(**inputs, logits_to_keep=columns).logits
    finally:
        hook.remove()
    return logits
