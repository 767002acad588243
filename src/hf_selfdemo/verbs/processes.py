"""Which of several processes this is: `accelerate launch` and `torchrun` start the same command once a device."""

from __future__ import annotations

import os

from hf_selfdemo.core.errors import UserError

TOGETHER = ("train",)
"""Verbs that several processes do together; of the others each would do the whole work, in one folder."""


def world_size() -> int:
    """How many processes were launched together."""
    return int(os.environ.get("WORLD_SIZE") or 1)


def is_main_process() -> bool:
    """Whether this process is the one that writes and speaks for all."""
    return int(os.environ.get("RANK") or 0) == 0


def refuse_many(verb: str) -> None:
    """Refuse a verb that several processes cannot share.

    Raises:
        UserError: if there are several.
    """
    if world_size() > 1 and verb not in TOGETHER:
        raise UserError(
            f"{verb} was launched in {world_size()} processes and runs in one",
            "launch train alone; for demonstrations on several devices give each process a share with `shard`",
        )
