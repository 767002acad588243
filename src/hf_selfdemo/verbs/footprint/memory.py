"""Estimate the peak memory of training and generation in bytes, by part.

Activations of a layer are counted as by Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1), for current layers:
RMS norms in float32, a gated MLP, keys and values repeated for their queries, and attention that stores no
probabilities. On a CPU, `in_process` adds the rest of the process. The memory of a GPU's driver is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from hf_selfdemo.verbs.footprint.shape import ModelShape

_FLOAT32 = 4

_LIBRARIES = 6e8
"""Bytes of a process that has imported torch, transformers, TRL and datasets and loaded a tokenizer."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Bytes per number.

    Args:
        weights: bytes of a weight as it is loaded, 4 or 2.
        linear: bytes of a weight of the layers' linear modules, if these are quantised.
        autocast: whether products are computed with 2 bytes (`bf16`, `fp16`), whatever the weights have.
    """

    weights: int = _FLOAT32
    linear: float | None = None
    autocast: bool = False

    @property
    def computed(self) -> int:
        """Bytes of the result of a product."""
        return 2 if self.autocast else self.weights


def weight_bytes(shape: ModelShape, precision: Precision) -> float:
    """Bytes of the weights as they are loaded, without adapters."""
    linear = precision.weights if precision.linear is None else precision.linear
    return (shape.parameters - shape.linear) * precision.weights + shape.linear * linear


def training_memory(
    shape: ModelShape,
    precision: Precision,
    rows: int,
    tokens: int,
    scored: int,
    checkpointing: bool = False,
    copies: int = 1,
) -> dict[str, float]:
    """Estimate the peak memory of a training step in bytes, by part.

    Adapters are trained in float32, and full weights in their own precision. AdamW stores two numbers per weight.

    Args:
        shape: sizes of the model and of what is trained.
        precision: bytes of its weights and products.
        rows: rows of a micro-batch; a preference pair has two.
        tokens: tokens of the longest row.
        scored: tokens per row that have logits.
        checkpointing: whether only each layer's input is stored and the rest is computed again.
        copies: copies of the weights; 2 if preference training has a frozen reference model.

    Example:
        >>> shape = ModelShape(2, 2, 8, 16, 8, 4, 10, 1000, 900, 1000, False, 64, 96)
        >>> memory = training_memory(shape, Precision(), rows=1, tokens=10, scored=2)
        >>> memory["weights"], memory["gradients_and_optimizer"]
        (4000.0, 12000.0)
    """
    trained = _FLOAT32 if shape.adapters else precision.weights
    passed = 1 if checkpointing else shape.trained_layers  # layers below the first trained one store no cast weights
    mixed = precision.autocast and precision.weights == _FLOAT32
    cast = shape.linear * 2 * passed / shape.layers if mixed else 0
    adapters = shape.trainable * _FLOAT32 if shape.adapters else 0
    number = precision.computed
    return {
        "weights": float(copies * weight_bytes(shape, precision) + adapters + cast),
        "gradients_and_optimizer": 3.0 * shape.trainable * trained,
        "activations": rows * tokens * _kept(shape, precision, tokens, checkpointing),
        # logits, log-probabilities in float32 and their gradients; below float32 also the logits cast to float32
        "logits": float(rows * scored * shape.vocabulary * (12 if number == _FLOAT32 else 2 * number + 12)),
    }


def _kept(shape: ModelShape, precision: Precision, context: int, checkpointing: bool) -> float:
    """Bytes per token that are stored for the backward pass, and those that it needs itself."""
    number, width = precision.computed, shape.hidden
    norms = 2 * width * (_FLOAT32 if shape.adapters else _FLOAT32 + precision.weights)
    products = 4 * shape.query + 3 * shape.feed_forward + context  # queries, keys, values, output; MLP; the mask's row
    inputs, passing = _inputs(shape, precision), 4 * shape.feed_forward * number  # gradients of one layer's MLP
    if not checkpointing:
        return shape.trained_layers * (norms + products * number) + inputs + passing
    one = norms + products * number + inputs / max(shape.trained_layers, 1)
    return shape.layers * width * number + one + passing


def _inputs(shape: ModelShape, precision: Precision) -> float:
    """Bytes per token of the inputs of trained modules, which their gradients need.

    Modules that share an input store it once, unless it is cast for them: to float32 for adapters over half precision,
    or by autocast. With dropout, each module stores its own input and a mask of one byte per number.
    """
    over_half = shape.adapters and precision.weights < _FLOAT32
    cast = over_half or (precision.autocast and precision.weights == _FLOAT32)
    number = precision.computed if precision.autocast or not over_half else _FLOAT32
    if shape.dropout:
        return shape.own_inputs * (number + 1)
    return (shape.own_inputs if cast else shape.inputs) * number


def writing_memory(
    shape: ModelShape, number: int, rows: int, prompt: int, written: int, copies: int = 1, held: float = 0.0
) -> dict[str, float]:
    """Estimate the peak memory of generation in bytes, by part.

    Args:
        shape: sizes of the model.
        number: bytes of a weight and of an activation.
        rows: rows of a batch.
        prompt: tokens of the longest prompt.
        written: tokens of the longest reply, or those for which memory is allocated.
        copies: copies of the weights; 2 if base and trained model are both in memory.
        held: bytes of cached prefixes that later requests use.

    Example:
        >>> shape = ModelShape(2, 2, 8, 16, 8, 4, 10, 1000, 900, 1000, False, 64, 96)
        >>> writing_memory(shape, 2, rows=3, prompt=10, written=5, copies=2)["cache"]  # 15 tokens, 2 layers, 2 * 4
        1440.0
    """
    return {
        "weights": float(copies * shape.parameters * number),
        "activations": float(rows * prompt * (3 * shape.feed_forward + 2 * shape.hidden) * number),
        "logits": float(rows * shape.vocabulary * (number + 2 * _FLOAT32)),
        "cache": rows * (prompt + written) * cache_bytes(shape, number) + held,
    }


def in_process(memory: dict[str, float], file: float, training: bool = False) -> dict[str, float]:
    """Add the rest of the process to the memory of a model on a CPU.

    Args:
        memory: memory of the command, by part.
        file: bytes of the weights on disk if they are converted to another dtype, since they are in memory meanwhile;
            0 if they are loaded as they are.
        training: whether the command trains. The allocator of glibc then keeps about the memory of a step in addition,
            and three tenths of it in generation.

    Example:
        >>> found = in_process({"weights": 2e9, "activations": 1e9}, file=1.5e9)
        >>> found["libraries"], found["loading"], found["kept_by_allocator"]
        (600000000.0, 500000000.0, 300000000.0)
    """
    step = sum(memory.get(part, 0.0) for part in ("activations", "logits", "cache"))
    kept = (1.0 if training else 0.3) * step
    more = {"libraries": _LIBRARIES, "kept_by_allocator": kept, "loading": max(0.0, file - step)}
    return memory | {part: size for part, size in more.items() if size}


def cache_bytes(shape: ModelShape, number: int) -> float:
    """Bytes of the keys and values of one token in all layers.

    Example:
        >>> cache_bytes(ModelShape(2, 2, 8, 16, 8, 4, 10, 1000, 900, 1000, False, 64, 96), 2)
        32.0
    """
    return float(2 * shape.layers * shape.key_value * number)
