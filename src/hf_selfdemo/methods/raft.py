"""RAFT, a baseline (Zhang et al. 2024, arXiv 2403.10131): training on gold answers, sometimes with only distractors."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import SHARE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Demonstration, Dialogue, Evidence, Skip, Verdict
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.ra_it import RaIt
from hf_selfdemo.methods.shares import KeepsAll
from hf_selfdemo.scoring.answers.passages import holds_answer

_GOLD = RaIt()


@dataclass(frozen=True)
class Distractors:
    """The option for removing the passages that contain the answer.

    Raises:
        UserError: if `oracle_share` is not between 0 and 1.
    """

    oracle_share: float = key(0.8, "share of rows that keep the passages with the answer; RAFT's P", "kept", SHARE)

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True)
class Raft(KeepsAll):
    """Trains on the first gold answer; a share of the rows loses every passage that contains it but keeps the target.

    RAFT's chain of thought, which the original lets a larger model write, is left out.

    Args:
        distractors: the option for removing passages.
        seed: seed of the draw.

    Relations: `RaIt` never removes a passage.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> row = Evidence(Question("1", "Who?", ("Curie",)), (Passage("a", "Curie did."), Passage("b", "Rain.")))
        >>> [p.id for p in Raft(Distractors(oracle_share=0)).select(row, [], [])[0].evidence.passages]
        ['b']
    """

    distractors: Distractors = field(default_factory=Distractors)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        return _GOLD.write(evidence)

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        if random.Random(stable_seed(self.seed, evidence.id)).random() >= self.distractors.oracle_share:
            asked = evidence.question
            kept = tuple(p for p in evidence.passages if not holds_answer(p, asked.answers, asked.text))
            evidence = replace(evidence, passages=kept, answer_in_context=False)
        return _GOLD.select(evidence, candidates, verdicts)


METHOD = Method(
    strategy=Raft,
    keys=(Distractors,),
    objectives=("sft",),
    rows="the gold answers of the questions under their passages, some under passages without the answer",
    asks=False,
)
