"""Floating-point operations of training and writing, and the time that they alone take.

Counted as by Chowdhery et al. 2022 (PaLM, arXiv 2204.02311, appendix B), who measure utilisation by it: a product of a
token with a weight is two operations forward and, where all weights are trained, four backward. Frozen weights need no
gradient of their own and take two; attention has no weights and takes twice its forward. Padding is not counted.
"""

from __future__ import annotations

from hf_selfdemo.verbs.footprint.shape import ModelShape


def forward_flops(shape: ModelShape, tokens: float, context: float, scored: float) -> float:
    """Operations of reading tokens and of scoring some of them.

    Args:
        shape: of the model.
        tokens: run through its layers.
        context: tokens that each of them can see, on average; counted whole, as if none were masked.
        scored: those that have logits.

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
    """Operations of training: 6 a token and weight, some 4 where adapters are trained, less where few layers have one.

    Args:
        shape: of the model, with what is trained.
        tokens: of all rows and epochs together.
        context: of a row, on average.
        scored: tokens with logits, of all rows and epochs together.
        checkpointing: the forward pass is made twice.

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
    """How long these operations take.

    Args:
        flops: how many.
        tflops: the device's peak, in 10^12 a second.
        utilisation: the share of the peak that is reached.

    Example:
        >>> hours(3.6e18, tflops=100, utilisation=0.5)
        20.0
    """
    return flops / (tflops * 1e12 * utilisation) / 3600


def _attention(shape: ModelShape, context: float) -> float:
    """Operations a token of queries with keys, and of their weights with values."""
    return 4 * shape.layers * context * shape.query
