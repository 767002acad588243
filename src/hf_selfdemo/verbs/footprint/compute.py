"""Estimate the floating-point operations of training and generation, and the time of these operations.

They are counted as by Chowdhery et al. 2022 (PaLM, arXiv 2204.02311, appendix B) for model FLOPs utilisation. The
product of a token with a weight takes two operations forward. Backward it takes four, or two if the weight is frozen
and needs no gradient. Attention takes backward twice as many as forward. Padding is not counted.
"""

from __future__ import annotations

from hf_selfdemo.verbs.footprint.shape import ModelShape


def forward_flops(shape: ModelShape, tokens: float, context: float, scored: float) -> float:
    """Operations of a forward pass.

    Args:
        shape: sizes of the model.
        tokens: number of tokens.
        context: mean context length of a token, as if nothing were masked.
        scored: number of tokens with logits.

    Example:
        >>> shape = ModelShape(2, 2, 8, 16, 8, 4, 10, 1000, 900, 1000, False, 64, 96)
        >>> forward_flops(shape, tokens=100, context=0, scored=1)
        180160.0
    """
    return float(
        tokens * (2 * shape.linear + _attention(shape, context)) + scored * 2 * shape.vocabulary * shape.hidden
    )


def training_flops(
    shape: ModelShape, tokens: float, context: float, scored: float, checkpointing: bool = False
) -> float:
    """Operations of training: 6 per token and weight, or about 4 with adapters, and fewer if few layers have adapters.

    Args:
        shape: sizes of the model and of what is trained.
        tokens: number of tokens in all rows and epochs.
        context: mean length of a row.
        scored: number of tokens with logits in all rows and epochs.
        checkpointing: whether gradient checkpointing repeats the forward pass.

    Example:
        >>> shape = ModelShape(2, 2, 8, 16, 8, 4, 10, 1000, 900, 1000, False, 64, 96)
        >>> training_flops(shape, tokens=100, context=0, scored=0) / (100 * 900)
        6.0
    """
    forward = forward_flops(shape, tokens, context, scored)
    passed = shape.layers if checkpointing else shape.trained_layers
    weights = 2 * shape.linear * (1 if shape.adapters else 2)
    backward = tokens * (weights + 2 * _attention(shape, context)) * passed / shape.layers
    head = scored * 2 * shape.vocabulary * shape.hidden * (1 if shape.adapters else 2)
    adapters = 6 * tokens * shape.trainable if shape.adapters else 0
    return forward * (2 if checkpointing else 1) + backward + head + adapters


def hours(flops: float, tflops: float, utilisation: float) -> float:
    """The hours that these operations take.

    Args:
        flops: number of operations.
        tflops: peak of the device, in 10^12 operations per second.
        utilisation: share of the peak that is reached.

    Example:
        >>> hours(3.6e18, tflops=100, utilisation=0.5)
        20.0
    """
    return flops / (tflops * 1e12 * utilisation) / 3600


def _attention(shape: ModelShape, context: float) -> float:
    """Operations per token of the attention scores and of the weighted sum of values."""
    return 4 * shape.layers * context * shape.query
