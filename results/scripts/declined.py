"""Measures whether a system abstains where another system is incorrect, rather than where it is correct.

The paper's claim is that a model learns to abstain where it would be incorrect. This cannot be seen once the model
abstains. The base model's replies to the plain prompt take the place of its own, because they hardly ever abstain.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from figures import Draws, Replies

from hf_selfdemo.core.types import Label
from hf_selfdemo.evaluation.report.resampling import Array


class Declined(NamedTuple):
    """Shares of abstentions among the rows where the other system is incorrect (`wrong`) and correct (`right`).

    Means over the seeds, shape (1 + resamples,): the share on the rows as they are, then the shares on the draws.
    """

    wrong: Array
    right: Array


def declined(draws: Draws, seeds: Sequence[Replies], other: Replies) -> Declined:
    """How often one system abstains where another one is incorrect, and where it is correct.

    Args:
        draws: draws of the rows of both systems.
        seeds: replies of the one system, one list per seed.
        other: replies of the other system. Rows where it abstains or is unscored are left out.
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
