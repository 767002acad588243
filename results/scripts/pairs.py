"""Leave-gold-out pairs: a question whose passages contain the answer, and its twin with these passages removed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from figures import Draws, Replies

from hf_selfdemo.core.types import Label, Prediction
from hf_selfdemo.evaluation.report.resampling import Array

TWIN = "#gold_removed"
"""The suffix of a twin's id after the id of its question, as in `Evidence.id`."""


class Pair(NamedTuple):
    """The replies to a question and to its twin."""

    original: Prediction
    twin: Prediction


SHARES: dict[str, tuple[str, Callable[[Label, Label], bool]]] = {
    "right": ("answer shown: correct", lambda original, twin: original == "correct"),
    "refused": ("answer shown: abstained", lambda original, twin: original == "abstain"),
    "declined": ("gold removed: abstained", lambda original, twin: twin == "abstain"),
    "made_up": ("gold removed: incorrect", lambda original, twin: twin == "incorrect"),
    "both_right": ("both correct", lambda original, twin: original == "correct" and twin == "abstain"),
    "kept": ("correct, answers with gold removed", lambda original, twin: original == "correct" and twin != "abstain"),
    "never": ("abstains on both", lambda original, twin: original == twin == "abstain"),
}
"""Shares of all pairs: column heading, and whether a pair counts, given the labels of original and twin."""


def pairs_of(replies: Replies) -> list[Pair]:
    """The pairs among the replies of one model where both replies are scored.

    Pairs whose original has no passage with the answer are left out, because both replies should abstain there.

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
    """One of the `SHARES` of the pairs; None if there are no pairs."""
    counted = [SHARES[name][1](pair.original.label, pair.twin.label) for pair in pairs]
    return sum(counted) / len(counted) if counted else None


def drawn_share(draws: Draws, seeds: Sequence[Sequence[Pair]], name: str) -> Array:
    """A share on each draw of the questions, averaged over the seeds; shaped as in `Draws.figures`."""
    counted = [_drawn(draws, pairs, name) for pairs in seeds]
    return np.asarray(np.mean(counted, axis=0))


def _drawn(draws: Draws, pairs: Sequence[Pair], name: str) -> Array:
    hits = [SHARES[name][1](pair.original.label, pair.twin.label) for pair in pairs]
    return draws.share(hits, [True] * len(pairs), [pair.original for pair in pairs])
