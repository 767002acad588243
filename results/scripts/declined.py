"""What a system declines: questions that another one answers wrongly, rather than those that it answers rightly?

The paper's claim is that a model learns to abstain where it would be wrong. Where it would be cannot be seen once it
abstains, so the base model's replies to the plain prompt, which it hardly ever declines, stand for it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from figures import Draws, Replies

from hf_selfdemo.core.types import Label
from hf_selfdemo.evaluation.report.resampling import Array


class Declined(NamedTuple):
    """Shares declined of the rows that the other system answers wrongly, and of those that it answers rightly.

    Each as `Draws.figures` has figures: averaged over the seeds, what was found first, then the draws.
    """

    wrong: Array
    right: Array


def declined(draws: Draws, seeds: Sequence[Replies], other: Replies) -> Declined:
    """How often one system declines what the other one answers.

    Args:
        draws: over the rows of both.
        seeds: replies of the one, a list a seed.
        other: replies of the other; rows that it declines are left out, as are unscored ones.
    """
    labels = {p.id: p.label for p in other}
    wrong, right = (
        np.mean([_share(draws, replies, labels, label) for replies in seeds], axis=0)
        for label in ("incorrect", "correct")
    )
    return Declined(np.asarray(wrong), np.asarray(right))


def _share(draws: Draws, replies: Replies, labels: Mapping[str, Label], label: str) -> Array:
    counted = [labels.get(p.id) == label and p.label != "unscored" for p in replies]
    return draws.share([p.label == "abstain" for p in replies], counted, replies)
