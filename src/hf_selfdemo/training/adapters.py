"""Adapters that cannot be trained here, or not to what they would later be taken for."""

from __future__ import annotations

from typing import Any

from accelerate.utils import is_peft_model

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation.last_logits import refuse_virtual_tokens
from hf_selfdemo.generation.tuned import adapters_on_tied_weights


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
