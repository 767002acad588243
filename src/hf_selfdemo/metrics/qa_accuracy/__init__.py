"""Measures how often replies are correct. The other files make `score` a module of `evaluate`."""

from hf_selfdemo.metrics.qa_accuracy.scorer import score

__all__ = ["score"]
