"""What a trainer has counted so far, so that training that goes on from a checkpoint tells the same of itself.

Transformers and TRL begin again from nothing there: the mean loss would be that of the remaining steps alone.
"""

from __future__ import annotations

from typing import Any

import torch


def counted(trainer: Any) -> dict[str, Any]:
    """Tokens and on-policy figures; the loss that is in the log, and what waits for the next line of the log.

    Every process calls it: what waits is that of all of them.
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
    """Go on from what `counted` gave, once the trainer has set its counts to nothing."""
    if "total_loss" not in found:  # there was no checkpoint, or an earlier version wrote it
        return
    trainer._total_loss_scalar = found["total_loss"]
    trainer._tr_loss += found["loss"]
    trainer._globalstep_last_logged = found["logged_at"]
    trainer._metrics["train"].update({name: list(values) for name, values in found["metrics"].items()})
    if found["tallies"] and trainer.is_world_process_zero():  # the log adds up those of all processes
        trainer._tallies["train"] = torch.tensor(found["tallies"][0])
    trainer.model.train()  # no step may be left, and the last line of the log is still one of training


def mean_loss(trainer: Any, logs: dict[str, float]) -> dict[str, float]:
    """The last line of a training's log with the mean loss over all steps, not those since a checkpoint alone."""
    if "train_loss" in logs:
        logs["train_loss"] = trainer._total_loss_scalar / max(trainer.state.global_step, 1)
    return logs
