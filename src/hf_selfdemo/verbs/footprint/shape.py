"""A model's sizes from its configuration: the network is built without memory behind it, and counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError

_LAYER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a decoder that memory and time follow from.

    Args:
        layers: how many there are.
        trained_layers: how many a gradient passes: those from the first with a trained weight on.
        hidden: width of the residual stream.
        feed_forward: width within the MLP.
        query: width of all query heads together.
        key_value: width of all key heads together, as of all value heads.
        vocabulary: tokens that the head tells apart.
        parameters: all, adapters left out; tied embeddings count once.
        linear: those of the layers' linear modules, which are most of the arithmetic and may be quantised.
        trainable: parameters that are trained: the adapters', or all.
        adapters: whether these are adapters over frozen weights.
        inputs: numbers a token that trained linear modules keep as their inputs, in all layers, an input once however
            many modules it serves.
        own_inputs: the same if each module keeps a copy of its own.
        dropout: whether adapters drop some of their inputs, each its own.
    """

    layers: int
    trained_layers: int
    hidden: int
    feed_forward: int
    query: int
    key_value: int
    vocabulary: int
    parameters: int
    linear: int
    trainable: int
    adapters: bool
    inputs: int
    own_inputs: int
    dropout: bool = False


def model_shape(config: Any, peft_config: Any = None) -> ModelShape:
    """Count what a model of this configuration has, without its weights.

    Args:
        config: of a causal language model of transformers.
        peft_config: of the LoRA adapters that are trained; None if all weights are.

    Raises:
        UserError: if transformers cannot build a causal language model of it, or PEFT not its adapters.

    Example:
        >>> from transformers import LlamaConfig
        >>> small = LlamaConfig(hidden_size=8, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        ...     num_key_value_heads=1, vocab_size=10, tie_word_embeddings=True)
        >>> shape = model_shape(small)
        >>> shape.parameters == shape.trainable == 2 * (8 * 8 * 3 + 8 * 16 * 3 + 2 * 8) + 10 * 8 + 8
        True
    """
    import torch
    from transformers import AutoModelForCausalLM

    with torch.device("meta"):  # tensors with a shape and nothing in it
        try:
            network = AutoModelForCausalLM.from_config(config)
        except ValueError as error:
            what = f"model_type {config.model_type!r} is not a causal language model ({str(error).splitlines()[0]})"
            raise UserError(what, "name one that is") from None
        parameters, linear = _count(network), _linear_modules(network)
        trained = linear if peft_config is None else _adapted(network, peft_config)
    text = config.get_text_config()
    heads = text.num_attention_heads
    head = getattr(text, "head_dim", None) or text.hidden_size // heads
    first = min((_layer(name) for name in trained), default=0)
    return ModelShape(
        layers=text.num_hidden_layers,
        trained_layers=text.num_hidden_layers - first,
        hidden=text.hidden_size,
        feed_forward=getattr(text, "intermediate_size", None) or 4 * text.hidden_size,
        query=heads * head,
        key_value=(getattr(text, "num_key_value_heads", None) or heads) * head,
        vocabulary=text.vocab_size,
        parameters=parameters,
        linear=sum(module.weight.numel() for module in linear.values()),
        trainable=parameters if peft_config is None else _count(network, trained=True),
        adapters=peft_config is not None,
        inputs=sum(width for _, width in {(name.rpartition(".")[0], _width(m)) for name, m in trained.items()}),
        own_inputs=sum(map(_width, trained.values())),
        dropout=getattr(peft_config, "lora_dropout", 0.0) > 0,
    )


def _count(network: Any, trained: bool = False) -> int:
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad or not trained)


def _linear_modules(network: Any) -> dict[str, Any]:
    """The linear modules of the layers by name; the head, which has no number in its path, is left out."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    found = {name: module for name, module in network.named_modules() if isinstance(module, Linear | Conv1D)}
    return {name: module for name, module in found.items() if _LAYER.search(name)}


def _adapted(network: Any, peft_config: Any) -> dict[str, Any]:
    """Put the adapters into the network; the modules that have one, by name."""
    from peft import inject_adapter_in_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    try:
        inject_adapter_in_model(peft_config, network)
    except ValueError as error:
        raise UserError(f"the model takes no such adapter ({error})", "fix lora_target_modules") from None
    found = {name: module for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)}
    return {name: module.get_base_layer() for name, module in found.items()}


def _layer(name: str) -> int:
    found = _LAYER.search(f".{name}")
    return int(found[1]) if found else 0


def _width(module: Any) -> int:
    """What a linear module takes; transformers' `Conv1D` has its weight the other way round."""
    return int(module.in_features if hasattr(module, "in_features") else module.weight.shape[0])
