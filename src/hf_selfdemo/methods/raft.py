"""RAFT, a baseline (Zhang et al. 2024, arXiv 2403.10131): gold answers, now and then over distractors alone."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from hf_selfdemo.core.ranges import SHARE
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Demonstration, Evidence, Skip, Verdict
from hf_selfdemo.methods.ra_it import RaIt
from hf_selfdemo.scoring.answers.passages import holds_answer


@dataclass(frozen=True)
class Raft(RaIt):
    """Trains on the first gold answer; a share of the rows loses every passage that holds it, and keeps the target.

    Leaves out RAFT's chain of thought, which the original has a larger model write.

    Args:
        oracle_share: rows that keep the passages which hold the answer; RAFT's P.
        seed: of the draw.

    Raises:
        UserError: if `oracle_share` is no share.

    Relations: `RaIt` never takes a passage away.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> row = Evidence(Question("1", "Who?", ("Curie",)), (Passage("a", "Curie did."), Passage("b", "Rain.")))
        >>> [p.id for p in Raft(oracle_share=0).select(row, [], []).evidence.passages]
        ['b']
    """

    oracle_share: float = 0.8
    seed: int = 0

    def __post_init__(self) -> None:
        SHARE.check(oracle_share=self.oracle_share)

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Demonstration | Skip:
        if random.Random(stable_seed(self.seed, evidence.id)).random() >= self.oracle_share:
            asked = evidence.question
            kept = tuple(p for p in evidence.passages if not holds_answer(p, asked.answers, asked.text))
            evidence = replace(evidence, passages=kept, answer_in_context=False)
        return super().select(evidence, candidates, verdicts)
