"""The rank of this process: `accelerate launch` and `torchrun` start the same command once per device."""

from __future__ import annotations

import os

from hf_selfdemo.core.errors import UserError

TOGETHER = ("train",)
"""Commands that several processes run together. With any other, each process would do all the work."""


def world_size() -> int:
    """The number of processes that were launched together."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_main_process() -> bool:
    """Whether this is the process that writes files and prints for all."""
    return int(os.environ.get("RANK") or 0) == 0


def refuse_many(verb: str) -> None:
    """Reject a command that several processes cannot share.

    Raises:
        UserError: if several processes were launched.
    """
    if world_size() > 1 and verb not in TOGETHER:
        raise UserError(
            f"{verb} was launched in {world_size()} processes, but runs in one",
            "use the launcher for train only; to demonstrate on several devices, start one process per `shard`",
        )
