"""Training progress on the package's progress bar, instead of printed log lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from transformers import PrinterCallback, Trainer, TrainerCallback

_SHOWN = (
    "loss",
    "f_score",
    "accuracy_answerable",
    "abstention_recall",
    "false_refusals",
    "hallucination_rate",
    "closed_book_accuracy",
)
"""Metrics of an evaluation that fit on one line; the log has all of them."""


def report_progress(
    trainer: Trainer, advance: Callable[..., None], say: Callable[[str], None] = lambda line: None
) -> None:
    """Make `trainer` call `advance(steps, total, note, before)` during training; needs `disable_tqdm=True`.

    Args:
        trainer: a trainer before its `train`.
        advance: moves the progress bar.
        say: receives one line for each evaluation during training.
    """
    trainer.remove_callback(PrinterCallback)
    trainer.add_callback(_OnBar(advance, say))


def evaluation_line(epoch: float, metrics: Mapping[str, float], wanted: str | None = None) -> str:
    """The results of an evaluation in one line.

    Args:
        epoch: epochs trained at the time of the evaluation.
        metrics: metrics as the trainer logs them.
        wanted: the metric that picks the checkpoint, which comes first; with or without "eval_".

    Example:
        >>> evaluation_line(2.0, {"eval_f_score": 0.5, "eval_false_refusals": 0.25, "eval_runtime": 3.1})
        'epoch 2: f_score 0.50, false_refusals 0.25'
    """
    found = {name.removeprefix("eval_"): value for name, value in metrics.items()}
    names = dict.fromkeys([(wanted or "").removeprefix("eval_"), *_SHOWN])
    return f"epoch {epoch:.3g}: " + ", ".join(f"{name} {found[name]:.2f}" for name in names if name in found)


class _OnBar(TrainerCallback):
    def __init__(self, advance: Callable[..., None], say: Callable[[str], None]) -> None:
        self.advance, self.say = advance, say
        self.note = ""

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.advance(0, state.max_steps, self.note, before=state.global_step)

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.advance(1, state.max_steps, self.note)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        if logs and "loss" in logs:
            self.note = f"(loss {float(logs['loss']):.2f})"

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        self.say("dev, " + evaluation_line(state.epoch or 0.0, metrics or {}, args.metric_for_best_model))
