"""Shares over a whole set: which abstentions and which pairs are too many, and which rows are replayed."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hf_selfdemo.core.types import CLOSED_BOOK, Candidate, Demonstration, Evidence

REPLAY = "replay"
"""The group of closed-book rows that anchor what the model says there anyway."""


class KeepsAll:
    """What strategies inherit that do not choose over the whole set: every demonstration and every pair stays."""

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        """Leave nothing out (`core.protocols.Strategy.arrange`)."""
        return {}


def replayed(evidence: Evidence, candidates: Sequence[Candidate]) -> list[Demonstration]:
    """The closed-book row of a question: the first whole reply that was written so, right or wrong, is its target.

    Args:
        evidence: the row; a leave-gold-out twin has none, it would be the same as that of its question.
        candidates: all that was written for it.

    Returns:
        One demonstration, or none.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> asked = Evidence(Question("q1", "The capital of Switzerland?", ("Bern",)))
        >>> [row] = replayed(asked, [Candidate("Zurich.", "closed_book", "p")])
        >>> row.id, row.response
        ('q1#closed_book', 'Zurich.')
    """
    said = [c.text for c in candidates if c.source == "closed_book" and c.finish_reason == "stop" and c.text]
    if evidence.gold_removed or not said:
        return []
    bare = replace(evidence, passages=(), answer_in_context=False)
    made = Demonstration(bare, said[0], "answer", "closed_book", verified=False, mode="closed_book")
    return [replace(made, suffix=CLOSED_BOOK, group=REPLAY)]


def abstentions_over(groups: Sequence[str], share: float, seed: int) -> list[int]:
    """Places of the abstentions to leave out, by seed, so that they are at most `share` of abstentions and answers.

    A weak model fails most hard questions; trained on all its failures it refuses everything. With no answer at all
    among the demonstrations nothing can be balanced, and all are kept for the preflight to report.

    Args:
        groups: "answer", "abstain" or another, of every demonstration.
        share: 0 to 1.
        seed: of the draw.

    Example:
        >>> len(abstentions_over(["answer", "abstain", "abstain", "replay"], 0.5, seed=0))
        1
    """
    answers, abstentions = groups.count("answer"), [i for i, group in enumerate(groups) if group == "abstain"]
    allowed = len(abstentions) if share >= 1 or not answers else int(answers * share / (1 - share))
    return random.Random(seed).sample(abstentions, max(0, len(abstentions) - allowed))


def replays_over(groups: Sequence[str], share: float, others: int, seed: int) -> list[int]:
    """Places of the replay rows to leave out, by seed, so that there are `share` of them for each other row.

    Args:
        groups: of every demonstration.
        share: 0 to 1.
        others: how many rows besides replays are kept.
        seed: of the draw.

    Example:
        >>> len(replays_over(["answer", "replay", "answer", "replay"], 0.5, others=2, seed=0))
        1
    """
    replays = [i for i, group in enumerate(groups) if group == REPLAY]
    return random.Random(seed).sample(replays, max(0, len(replays) - round(share * others)))


def pairs_over(kinds: Sequence[str], ratio: float, seed: int) -> list[int]:
    """Places of the pairs to leave out, by seed, so that there are `ratio` pairs that abstain for each that answers.

    Whichever of the two are too many lose some. Where there is none of a kind nothing can be balanced, and all are
    kept.

    Args:
        kinds: of every pair (`data.rows.pair_kind`).
        ratio: of pairs that abstain to pairs that answer; 0 leaves out none.
        seed: of the draw.

    Example:
        >>> kinds = ["answer over incorrect"] * 10 + ["abstain over incorrect"] * 9
        >>> len(pairs_over(kinds, 0.7, seed=0)), len(pairs_over(kinds[:14], 0.7, seed=0))
        (2, 4)
    """
    answers, abstentions = (
        [i for i, kind in enumerate(kinds) if kind.startswith(f"{outcome} over ")] for outcome in ("answer", "abstain")
    )
    if not (ratio and answers and abstentions):
        return []
    over = len(abstentions) - math.floor(ratio * len(answers)), len(answers) - math.ceil(len(abstentions) / ratio)
    return [
        place
        for places, count in zip((abstentions, answers), over, strict=True)
        for place in random.Random(seed).sample(places, max(0, count))
    ]
