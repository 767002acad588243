"""Counts that a checkpoint keeps, so that a resumed training logs the same figures as an uninterrupted one.

Transformers and TRL start these counts again at zero: the mean loss would be that of the remaining steps alone.
"""

from __future__ import annotations

from typing import Any

import torch


def counted(trainer: Any) -> dict[str, Any]:
    """The counts to save: tokens, on-policy figures, the logged loss, and what waits for the next log line.

    All processes must call it, because it gathers what waits in each of them.
    """
    accelerator, tallies = trainer.accelerator, getattr(trainer, "_tallies", {})
    return {
        "num_tokens": trainer._total_train_tokens,
        "on_policy": trainer.on_policy,
        "total_loss": trainer._total_loss_scalar,
        "loss": accelerator.gather(trainer._tr_loss).mean().item(),
        "logged_at": trainer._globalstep_last_logged,
        "metrics": dict(trainer._metrics["train"]),
        "tallies": [accelerator.reduce(tallies["train"].to(accelerator.device), "sum").tolist()] if tallies else [],
    }


def count_on(trainer: Any, found: dict[str, Any]) -> None:
    """Restore the counts that `counted` returned, after the trainer has reset its own."""
    if "total_loss" not in found:  # there was no checkpoint, or one of an earlier version
        return
    trainer._total_loss_scalar = found["total_loss"]
    trainer._tr_loss += found["loss"]
    trainer._globalstep_last_logged = found["logged_at"]
    trainer._metrics["train"].update({name: list(values) for name, values in found["metrics"].items()})
    if found["tallies"] and trainer.is_world_process_zero():  # one process, since the log adds up those of all
        trainer._tallies["train"] = torch.tensor(found["tallies"][0])
    trainer.model.train()  # if no step is left, the last log line must still count as training


def mean_loss(trainer: Any, logs: dict[str, float]) -> dict[str, float]:
    """The last log line, with the mean loss over all steps instead of those since the checkpoint."""
    if "train_loss" in logs:
        logs["train_loss"] = trainer._total_loss_scalar / max(trainer.state.global_step, 1)
    return logs
