"""What must hold before the first step, looked at in what the model will really see: token ids and labels.

Training that goes wrong seldom fails: rows that are too long vanish, a mask that is all zeros gives a loss of 0.0, a
stop token without a loss gives a model that never stops. `preflight` looks at structured rows and their collator,
`examine` at any trainer of TRL's; both refuse with row ids and a remedy, or report what to know (`PreflightReport`).
"""

from hf_selfdemo.training.preflight.report import PreflightReport
from hf_selfdemo.training.preflight.structured import preflight
from hf_selfdemo.training.preflight.trainer import examine

__all__ = ["PreflightReport", "examine", "preflight"]
