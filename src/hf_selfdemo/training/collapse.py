"""A callback that stops GRPO when the model abstains from nearly everything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from transformers import TrainerCallback

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import SHARE, ZERO_OR_MORE
from hf_selfdemo.training.checkpoints import last_checkpoint
from hf_selfdemo.training.rewards import ABSTENTION_RATE


class CollapseGuard(TrainerCallback):
    """Stops GRPO once the model abstains from nearly everything, which rewards by string match can lead to (TruthRL,
    arXiv 2509.25760).

    While the abstention rate in the log is above the limit, no checkpoint is written. The last checkpoint is therefore
    from before the collapse. The callback works with any transformers trainer that logs `abstention_rate`, as
    `AbstentionReward` does.

    Args:
        limit: highest accepted share of abstentions among scored replies.
        steps: optimisation steps above the limit after which training stops; 0 never stops it.

    Raises:
        UserError: if a number is out of range; during training, if it has collapsed.
    """

    def __init__(self, limit: float = 0.9, steps: int = 20) -> None:
        SHARE.check(limit=limit)
        ZERO_OR_MORE.check(steps=steps)
        self.limit, self.steps = limit, steps

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.steps and self._above(state.log_history):
            control.should_save = False

    on_epoch_end = on_step_end

    def on_log(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if not self.steps or not (above := self._above(state.log_history)):
            return
        control.should_save = False  # on_step_end ran before this step's rate was known
        before = state.log_history.index(above[0])
        told = [line for line in state.log_history[:before] if line.get(ABSTENTION_RATE) is not None]
        begun = told[-1]["step"] if told else 0
        if state.global_step - begun < self.steps:
            return
        mean = sum(line[ABSTENTION_RATE] for line in above) / len(above)
        found = last_checkpoint(args.output_dir)
        kept = f"{found} is from before the collapse" if found else "there is no checkpoint from before the collapse"
        raise UserError(
            f"training has collapsed: the model abstained in {mean:.0%} of its replies in steps {begun + 1} to "
            f"{state.global_step}, above the limit of {self.limit:.0%}; {kept}",
            "lower reward_abstain_value or learning_rate, set beta, or start from a model that answers more",
        )

    def _above(self, log: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        """The latest log lines with an abstention rate, back to the last one within the limit."""
        found: list[Mapping[str, Any]] = []
        for line in (line for line in reversed(log) if line.get(ABSTENTION_RATE) is not None):
            if line[ABSTENTION_RATE] <= self.limit:
                break
            found.insert(0, line)
        return found
