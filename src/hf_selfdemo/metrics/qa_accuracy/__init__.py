"""How often replies are right. `score` is the metric; the other files make a module of `evaluate`."""

from hf_selfdemo.metrics.qa_accuracy.scorer import score

__all__ = ["score"]
