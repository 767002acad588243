"""Whether replies abstain where they should. `score` is the metric; the other files make a module of `evaluate`."""

from hf_selfdemo.metrics.abstention.scorer import score

__all__ = ["score"]
