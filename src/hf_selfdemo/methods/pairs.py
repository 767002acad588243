"""The choice of rejected texts for preference training, by a named policy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Evidence, Label, Rejected, Verdict
from hf_selfdemo.scoring.normalise import normalise

PairPolicy = Literal["first_round_loser", "wrong_answer", "false_refusal", "wrong_and_refusal", "other_label", "gold"]

PAIR_POLICIES: dict[PairPolicy, str] = {
    "first_round_loser": "a candidate that lost in the first round; without a tournament any that did not win",
    "wrong_answer": "a candidate labelled incorrect",
    "false_refusal": "a candidate that abstains, if the winner answers",
    "wrong_and_refusal": "two texts: one labelled incorrect, and one that abstains if the winner answers",
    "other_label": "a candidate with another label than the winner",
    "gold": "the gold answer, so that the model prefers its own words",
}
"""The paper does not define the pairs; a loser of the first round is the most natural reading, and the default.

Divide-Then-Align (arXiv 2505.20871) rejects both a wrong answer and a false refusal. Without the wrong answers its
model separated answerable from unanswerable questions less well (abstention recall minus over-refusal rate .34 instead
of .45)."""


def choose_rejected(
    evidence: Evidence,
    winner: Candidate,
    won: Verdict,
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    policy: PairPolicy,
    match_length: bool = False,
    seed: int = 0,
) -> tuple[Rejected, ...]:
    """Choose the rejected texts for `winner`: one, none, or with `wrong_and_refusal` one of each kind.

    A text that is truncated, empty or unscored, or that equals the winner after normalisation, is never chosen, because
    such a pair teaches nothing.

    Args:
        evidence: the row.
        winner: the text that is trained on.
        won: its verdict.
        candidates: all candidates of the row.
        verdicts: their verdicts.
        policy: a name in `PAIR_POLICIES`.
        match_length: take the eligible text whose length in words is nearest to the winner's, so that length alone
            does not distinguish the two.
        seed: seed of the draw without `match_length`.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> won, lost = Candidate("Bern.", "rag", "p"), Candidate("Basel.", "rag", "p")
        >>> verdicts = [Verdict("correct"), Verdict("incorrect")]
        >>> row = Evidence(Question("1", "The capital of Switzerland?", ("Bern",)))
        >>> choose_rejected(row, won, verdicts[0], [won, lost], verdicts, "wrong_answer")
        (Rejected(text='Basel.', label='incorrect'),)
    """
    if policy == "gold":
        answers = evidence.question.answers[:1]
        return tuple(Rejected(a, "gold") for a in answers if normalise(a) != normalise(winner.text))
    kinds: tuple[PairPolicy, ...] = ("wrong_answer", "false_refusal") if policy == "wrong_and_refusal" else (policy,)
    last = max((v.place for v in verdicts), default=0)
    others = [
        (Rejected(c.text, v.label), v)
        for c, v in zip(candidates, verdicts, strict=True)
        if c.finish_reason == "stop" and v.label != "unscored" and normalise(c.text) != normalise(winner.text)
    ]
    eligible = ([r for r, v in others if _fits(kind, v, won.label, last)] for kind in kinds)
    draw, words = stable_seed(seed, f"{evidence.id}/rejected"), len(winner.text.split()) if match_length else None
    return tuple(_one_of(found, draw, words) for found in eligible if found)


def _one_of(eligible: Sequence[Rejected], draw: int, words: int | None) -> Rejected:
    if words is not None:
        return min(eligible, key=lambda r: (abs(len(r.text.split()) - words), r.text))
    return sorted(eligible, key=lambda r: (r.text, r.label))[draw % len(eligible)]


def _fits(policy: PairPolicy, verdict: Verdict, won: Label, last_place: int) -> bool:
    if policy == "wrong_answer":
        return verdict.label == "incorrect"
    if policy == "false_refusal":
        return verdict.label == "abstain" and won != "abstain"
    if policy == "other_label":
        return verdict.label != won
    return verdict.place == last_place  # all are 0 without a tournament
