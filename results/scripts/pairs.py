"""Leave-gold-out pairs: a question whose passages hold the answer, and the same one with every such passage masked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from figures import Draws, Replies

from hf_selfdemo.core.types import Label, Prediction
from hf_selfdemo.evaluation.report.resampling import Array

TWIN = "#gold_removed"
"""What the id of a leave-gold-out row has behind that of its question, as in `Evidence.id`."""


class Pair(NamedTuple):
    """The two replies to one question."""

    original: Prediction
    twin: Prediction


SHARES: dict[str, tuple[str, Callable[[Label, Label], bool]]] = {
    "right": ("answer shown: correct", lambda original, twin: original == "correct"),
    "refused": ("answer shown: abstained", lambda original, twin: original == "abstain"),
    "declined": ("masked: abstained", lambda original, twin: twin == "abstain"),
    "made_up": ("masked: incorrect", lambda original, twin: twin == "incorrect"),
    "both_right": ("both right", lambda original, twin: original == "correct" and twin == "abstain"),
    "kept": ("correct, and answers when masked", lambda original, twin: original == "correct" and twin != "abstain"),
    "never": ("abstains on both", lambda original, twin: original == twin == "abstain"),
}
"""Shares of all pairs: what they are called, and which pairs count, by the labels of original and twin."""


def pairs_of(replies: Replies) -> list[Pair]:
    """The pairs among the replies of one model, both of them scored.

    Pairs whose original was shown no passage with the answer are left out: there, both replies should abstain.

    Example:
        >>> shown = Prediction("1", "rag", "Bern", "correct", True, True)
        >>> masked = Prediction("1#gold_removed", "rag", "I don't know.", "abstain", False, False)
        >>> len(pairs_of([shown, masked]))
        1
    """
    originals = {p.id: p for p in replies if p.answer_in_context and p.label != "unscored"}
    twins = [p for p in replies if p.id.endswith(TWIN) and p.label != "unscored"]
    whole = [(originals.get(twin.id.removesuffix(TWIN)), twin) for twin in twins]
    return [Pair(original, twin) for original, twin in whole if original is not None]


def share(pairs: Sequence[Pair], name: str) -> float | None:
    """One of `SHARES`; None if there is no pair."""
    counted = [SHARES[name][1](pair.original.label, pair.twin.label) for pair in pairs]
    return sum(counted) / len(counted) if counted else None


def drawn_share(draws: Draws, seeds: Sequence[Sequence[Pair]], name: str) -> Array:
    """A share on draws of the questions, averaged over the seeds: as `Draws.figures`."""
    counted = [_drawn(draws, pairs, name) for pairs in seeds]
    return np.asarray(np.mean(counted, axis=0))


def _drawn(draws: Draws, pairs: Sequence[Pair], name: str) -> Array:
    hits = [SHARES[name][1](pair.original.label, pair.twin.label) for pair in pairs]
    return draws.share(hits, [True] * len(pairs), [pair.original for pair in pairs])
