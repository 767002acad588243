"""The sizes of a model from its configuration: the network is built on the meta device, and its weights are counted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError

_LAYER = re.compile(r"\.(\d+)\.")


@dataclass(frozen=True, slots=True)
class ModelShape:
    """The sizes of a decoder that decide its memory and time.

    Args:
        layers: number of layers.
        trained_layers: number of layers in the backward pass, from the first one with a trained weight.
        hidden: width of the residual stream.
        feed_forward: inner width of the MLP.
        query: width of all query heads together.
        key_value: width of all key heads together, which is that of all value heads.
        vocabulary: size of the vocabulary.
        parameters: all parameters without adapters; tied embeddings count once.
        linear: parameters of the layers' linear modules, which take most of the computation and may be quantised.
        trainable: parameters that are trained: those of the adapters, or all.
        adapters: whether adapters over frozen weights are trained.
        inputs: numbers per token that trained linear modules store as inputs, in all layers. A shared input counts
            once.
        own_inputs: the same if each module stores its own copy.
        dropout: whether adapters have dropout, each of its own inputs.
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
    """Compute the sizes of a model from its configuration, without its weights.

    Args:
        config: configuration of a causal language model of transformers.
        peft_config: configuration of the LoRA adapters that are trained; None if all weights are trained.

    Raises:
        UserError: if transformers cannot build a causal language model from it, or PEFT cannot add the adapters.

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

    with torch.device("meta"):  # tensors with a shape but without memory
        try:
            network = AutoModelForCausalLM.from_config(config)
        except ValueError as error:
            what = f"model_type {config.model_type!r} is not a causal language model ({str(error).splitlines()[0]})"
            raise UserError(what, "name a causal language model") from None
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
    """The linear modules of the layers by name, without the head, whose path has no layer number."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    found = {name: module for name, module in network.named_modules() if isinstance(module, Linear | Conv1D)}
    return {name: module for name, module in found.items() if _LAYER.search(name)}


def _adapted(network: Any, peft_config: Any) -> dict[str, Any]:
    """Add the adapters to the network, and return the modules that have one, by name."""
    from peft import inject_adapter_in_model
    from peft.tuners.tuners_utils import BaseTunerLayer

    try:
        inject_adapter_in_model(peft_config, network)
    except ValueError as error:
        raise UserError(f"these adapters cannot be added to the model ({error})", "fix lora_target_modules") from None
    found = {name: module for name, module in network.named_modules() if isinstance(module, BaseTunerLayer)}
    return {name: module.get_base_layer() for name, module in found.items()}


def _layer(name: str) -> int:
    found = _LAYER.search(f".{name}")
    return int(found[1]) if found else 0


def _width(module: Any) -> int:
    """The input width of a linear module. The weight of transformers' `Conv1D` is transposed."""
    return int(module.in_features if hasattr(module, "in_features") else module.weight.shape[0])
