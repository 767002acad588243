"""Checks before the first training step, on what the model will really see: token ids and labels.

Mistakes in training data rarely cause an error: rows that are too long disappear, a mask of zeros gives a loss of 0.0,
and a stop token without a loss gives a model that never stops. `preflight` checks structured rows and their collator,
`examine` any trainer of TRL. Both raise an error with row ids and remedies, or return a `PreflightReport`.
"""

from hf_selfdemo.training.preflight.report import PreflightReport
from hf_selfdemo.training.preflight.structured import preflight
from hf_selfdemo.training.preflight.trainer import examine

__all__ = ["PreflightReport", "examine", "preflight"]
