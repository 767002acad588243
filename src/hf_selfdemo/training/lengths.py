"""What depends on row lengths: batches of similar length, and the number of steps for a token budget."""

from __future__ import annotations

import math
from typing import Any

import torch
from transformers.trainer_pt_utils import LengthGroupedSampler

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.training.preflight import PreflightReport

LENGTH = "length"
"""Column of row lengths in tokens, for batches of similar length."""


def steps_for(args: Any, report: PreflightReport) -> int:
    """The number of optimisation steps that train on about `train_tokens` tokens.

    Raises:
        UserError: if that is less than one step.
    """
    rows = args.per_device_train_batch_size * args.gradient_accumulation_steps * args.world_size
    rows /= getattr(args, "num_generations", 1)  # the report counts a prompt with all its replies
    in_a_step = report.tokens / math.ceil(report.rows / rows)  # the last step of an epoch has fewer rows
    steps = round(args.train_tokens / in_a_step)
    if steps < 1:
        raise UserError(
            f"train_tokens is {args.train_tokens}, but one step has about {in_a_step:.0f} tokens", "raise train_tokens"
        )
    return steps


class EpochOfLengths(LengthGroupedSampler):
    """Groups rows by length in an order that depends on the epoch, so that a resumed epoch keeps its order."""

    def __init__(self, plain: LengthGroupedSampler, args: Any) -> None:
        super().__init__(plain.batch_size, lengths=plain.lengths, generator=torch.Generator())
        self.seed = args.seed if args.data_seed is None else args.data_seed
        self.set_epoch(0)

    def set_epoch(self, epoch: int) -> None:
        self.generator.manual_seed(self.seed + epoch)
