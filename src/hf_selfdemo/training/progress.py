"""Training steps on the same bar as everything else, instead of printed log lines."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from transformers import PrinterCallback, Trainer, TrainerCallback


def report_progress(trainer: Trainer, advance: Callable[..., None]) -> None:
    """Let `trainer` call `advance(steps, total, note)` as it goes; needs `disable_tqdm=True`."""
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_OnBar(advance))


class _OnBar(TrainerCallback):
    def __init__(self, advance: Callable[..., None]) -> None:
        self.advance = advance
        self.note = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.advance(state.global_step, state.max_steps, self.note)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.advance(1, state.max_steps, self.note)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.note = f"(loss {float(logs['loss']):.2f})"
