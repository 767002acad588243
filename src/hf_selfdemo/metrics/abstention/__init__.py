"""Measures whether replies abstain when they should. The other files make `score` a module of `evaluate`."""

from hf_selfdemo.metrics.abstention.scorer import score

__all__ = ["score"]
