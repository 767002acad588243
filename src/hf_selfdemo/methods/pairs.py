"""Which losing text a winner is set against in preference training: a policy by name, and one seeded choice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Evidence, Label, Rejected, Verdict
from hf_selfdemo.scoring.normalise import normalise

PairPolicy = Literal["first_round_loser", "wrong_answer", "false_refusal", "other_label", "gold"]

PAIR_POLICIES: dict[PairPolicy, str] = {
    "first_round_loser": "beaten in the tournament's first round; without a tournament any candidate that did not win",
    "wrong_answer": "labelled incorrect",
    "false_refusal": "declines, where the winner answers",
    "other_label": "its label differs from the winner's",
    "gold": "the gold answer itself, to set the model's own words against it",
}
"""The paper leaves the pairing open; a loser of the first round is the plainest reading, and the default."""


def choose_rejected(
    evidence: Evidence,
    winner: Candidate,
    won: Verdict,
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    policy: PairPolicy,
    match_length: bool = False,
    seed: int = 0,
) -> Rejected | None:
    """One text for `winner` to be preferred to, or None.

    Never a text that was cut off, is empty or unscored, or equals the winner after normalisation: nothing could be
    learnt from such a pair.

    Args:
        evidence: the row, for the gold answer and the draw.
        winner: the text that is trained on.
        won: its verdict.
        candidates: all of the row.
        verdicts: theirs.
        policy: a name in `PAIR_POLICIES`.
        match_length: of the eligible texts take the one nearest the winner's length in words, so that length alone
            does not tell the two apart.
        seed: of the draw otherwise.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> won, lost = Candidate("Bern.", "rag", "p"), Candidate("Basel.", "rag", "p")
        >>> verdicts = [Verdict("correct"), Verdict("incorrect")]
        >>> row = Evidence(Question("1", "The capital of Switzerland?", ("Bern",)))
        >>> choose_rejected(row, won, verdicts[0], [won, lost], verdicts, "wrong_answer").text
        'Basel.'
    """
    if policy == "gold":
        answers = evidence.question.answers[:1]
        return next((Rejected(a, "gold") for a in answers if normalise(a) != normalise(winner.text)), None)
    last = max((v.place for v in verdicts), default=0)
    eligible = [
        Rejected(c.text, v.label)
        for c, v in zip(candidates, verdicts, strict=True)
        if c.finish_reason == "stop" and v.label != "unscored" and normalise(c.text) != normalise(winner.text)
        if _fits(policy, v, won.label, last)
    ]
    if not eligible:
        return None
    if match_length:
        words = len(winner.text.split())
        return min(eligible, key=lambda r: (abs(len(r.text.split()) - words), r.text))
    eligible.sort(key=lambda r: (r.text, r.label))
    return eligible[stable_seed(seed, f"{evidence.id}/rejected") % len(eligible)]


def _fits(policy: PairPolicy, verdict: Verdict, won: Label, last_place: int) -> bool:
    if policy == "wrong_answer":
        return verdict.label == "incorrect"
    if policy == "false_refusal":
        return verdict.label == "abstain" and won != "abstain"
    if policy == "other_label":
        return verdict.label != won
    return verdict.place == last_place  # all are 0 without a tournament
