"""RA-IT, the baseline: training on gold answers, whatever the passages say (the LM part of RA-DIT, Lin et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hf_selfdemo.core.types import Candidate, Demonstration, Dialogue, Evidence, Skip, Verdict
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.shares import KeepsAll


@dataclass(frozen=True)
class RaIt(KeepsAll):
    """Trains on the first gold answer under the with-passages prompt. It needs no generation and has no abstentions.

    Args:
        seed: unused; every strategy has one.

    Relations: `SelfDemo` trains on the same rows with the model's own replies, and with abstentions.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> RaIt().select(Evidence(Question("1", "Who?", ("Marie Curie", "Curie"))), [], [])[0].response
        'Marie Curie'
    """

    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        return []
        yield  # never reached: a dialogue that asks nothing

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        if not evidence.question.answers or not evidence.question.answerable:
            return Skip("no gold answer to train on")
        return [Demonstration(evidence, evidence.question.answers[0], "answer", "gold")]


METHOD = Method(
    strategy=RaIt,
    objectives=("sft",),
    rows="the gold answers of the questions, each under its retrieved passages",
    asks=False,
)
