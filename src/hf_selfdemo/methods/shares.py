"""Balancing a whole dataset: which abstentions, pairs and replay rows to leave out."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from hf_selfdemo.core.types import CLOSED_BOOK, Candidate, Demonstration, Evidence

REPLAY = "replay"
"""The group of closed-book rows with the model's own replies, which prevent forgetting."""


class KeepsAll:
    """A base class for strategies that keep every demonstration and every pair."""

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        """Leave nothing out (`core.protocols.Strategy.arrange`)."""
        return {}


def replayed(evidence: Evidence, candidates: Sequence[Candidate]) -> list[Demonstration]:
    """The closed-book row of a question, whose target is the model's first complete closed-book reply, correct or not.

    Args:
        evidence: the row. A counterfactual twin gets no such row, because it would repeat that of the original row.
        candidates: all candidates of the row.

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
    """The indices of the abstentions to leave out, so that they are at most `share` of abstentions and answers.

    A weak model fails on most hard questions; trained on all its failures it abstains from everything. If there are no
    answers at all, every abstention is kept, and the preflight reports it.

    Args:
        groups: the group of every demonstration: "answer", "abstain" or another.
        share: highest share of abstentions, 0 to 1.
        seed: seed of the draw.

    Example:
        >>> len(abstentions_over(["answer", "abstain", "abstain", "replay"], 0.5, seed=0))
        1
    """
    answers, abstentions = groups.count("answer"), [i for i, group in enumerate(groups) if group == "abstain"]
    allowed = len(abstentions) if share >= 1 or not answers else int(answers * share / (1 - share))
    return random.Random(seed).sample(abstentions, max(0, len(abstentions) - allowed))


def replays_over(groups: Sequence[str], share: float, others: int, seed: int) -> list[int]:
    """The indices of the replay rows to leave out, so that there are at most `share` of them per other row.

    Args:
        groups: the group of every demonstration.
        share: number of replay rows per other row, 0 to 1.
        others: number of other rows that are kept.
        seed: seed of the draw.

    Example:
        >>> len(replays_over(["answer", "replay", "answer", "replay"], 0.5, others=2, seed=0))
        1
    """
    replays = [i for i, group in enumerate(groups) if group == REPLAY]
    return random.Random(seed).sample(replays, max(0, len(replays) - round(share * others)))


def pairs_over(kinds: Sequence[str], ratio: float, seed: int) -> list[int]:
    """The indices of the pairs to leave out, so that there are `ratio` abstaining pairs for each answering pair.

    A surplus on either side is left out. If one side has no pairs, all are kept.

    Args:
        kinds: the kind of every pair (`data.rows.pair_kind`).
        ratio: number of abstaining pairs per answering pair; 0 leaves out none.
        seed: seed of the draw.

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
