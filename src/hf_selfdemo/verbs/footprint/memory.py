"""Bytes that training and writing take at their peak, part by part.

What autograd keeps of a layer is counted as Korthikanti et al. 2022 (arXiv 2205.05198, section 4.1) count it, for the
layers of today: RMS norms in float32, a gated MLP, keys and values repeated for their queries, attention that keeps no
probabilities. On a CPU `in_process` adds what the process takes besides; what a GPU's driver takes is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass

from hf_selfdemo.verbs.footprint.shape import ModelShape

_FLOAT32 = 4

_LIBRARIES = 6e8
"""Bytes of a process that has imported torch, transformers, TRL and datasets and read a tokenizer."""


@dataclass(frozen=True, slots=True)
class Precision:
    """Bytes a number.

    Args:
        weights: of the weights as they are loaded, 4 or 2.
        linear: of the layers' linear weights, if these are quantised.
        autocast: products are computed with 2 bytes whatever the weights have (`bf16`, `fp16`).
    """

    weights: int = _FLOAT32
    linear: float | None = None
    autocast: bool = False

    @property
    def computed(self) -> int:
        """Of what a product gives."""
        return 2 if self.autocast else self.weights


def weight_bytes(shape: ModelShape, precision: Precision) -> float:
    """The weights as loaded, adapters left out."""
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
    """What one training step takes at its peak, in bytes by part.

    Adapters are trained in float32, all weights in their own precision; AdamW keeps two numbers for each.

    Args:
        shape: of the model, with what is trained.
        precision: of its weights and products.
        rows: of a micro-batch; a preference pair has two.
        tokens: of its longest row.
        scored: columns that have logits.
        checkpointing: only each layer's input is kept, the rest computed again.
        copies: of the weights; 2 where a frozen one is the reference of preference training.

    Example:
        >>> shape = ModelShape(2, 2, 8, 16, 8, 4, 10, 1000, 900, 1000, False, 64, 96)
        >>> memory = training_memory(shape, Precision(), rows=1, tokens=10, scored=2)
        >>> memory["weights"], memory["gradients_and_optimizer"]
        (4000.0, 12000.0)
    """
    trained = _FLOAT32 if shape.adapters else precision.weights
    passed = 1 if checkpointing else shape.trained_layers  # layers below keep no cast weights for a backward pass
    mixed = precision.autocast and precision.weights == _FLOAT32
    cast = shape.linear * 2 * passed / shape.layers if mixed else 0
    adapters = shape.trainable * _FLOAT32 if shape.adapters else 0
    number = precision.computed
    return {
        "weights": float(copies * weight_bytes(shape, precision) + adapters + cast),
        "gradients_and_optimizer": 3.0 * shape.trainable * trained,
        "activations": rows * tokens * _kept(shape, precision, tokens, checkpointing),
        # logits and their gradient, and in float32 the log-probabilities and theirs, and for less the logits once more
        "logits": float(rows * scored * shape.vocabulary * (12 if number == _FLOAT32 else 2 * number + 12)),
    }


def _kept(shape: ModelShape, precision: Precision, context: int, checkpointing: bool) -> float:
    """Bytes a token that wait for the backward pass, and those that it needs itself."""
    number, width = precision.computed, shape.hidden
    norms = 2 * width * (_FLOAT32 if shape.adapters else _FLOAT32 + precision.weights)
    products = 4 * shape.query + 3 * shape.feed_forward + context  # queries, keys, values, output; MLP; the mask's row
    inputs, passing = _inputs(shape, precision), 4 * shape.feed_forward * number  # gradients of one layer's MLP
    if not checkpointing:
        return shape.trained_layers * (norms + products * number) + inputs + passing
    one = norms + products * number + inputs / max(shape.trained_layers, 1)
    return shape.layers * width * number + one + passing


def _inputs(shape: ModelShape, precision: Precision) -> float:
    """Bytes a token of the inputs of trained modules, for their weights' gradients.

    Modules that share an input keep it once, unless it has to be cast for them: to the float32 of adapters over half
    precision, or by autocast. With dropout each keeps its own, and a mask of a byte a number.
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
    """What writing replies takes at its peak, in bytes by part.

    Args:
        shape: of the model.
        number: bytes of a weight, and of all that is computed.
        rows: written at once.
        prompt: tokens of the longest prompt.
        written: tokens of the longest reply, or those that there is room for.
        copies: of the weights; 2 where base and tuned model are both there.
        held: bytes of prompts' states that are kept for later requests.

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
    """The same for a model on a CPU, with what the whole process takes.

    Args:
        memory: of the verb, by part.
        file: bytes of the weights as they lie on the disk, which are in memory too while another dtype is made of them;
            0 where they are loaded as they are.
        training: glibc keeps about as much again as a step takes, writing three tenths of it.

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
    """Keys and values of one token in all layers, in bytes.

    Example:
        >>> cache_bytes(ModelShape(2, 2, 8, 16, 8, 4, 10, 1000, 900, 1000, False, 64, 96), 2)
        32.0
    """
    return float(2 * shape.layers * shape.key_value * number)
