"""The four contracts, on one page. Implementations need not inherit: having the methods is enough.

All methods are batch-first: a sequence goes in, a list of the same length comes out, in the same order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from hf_selfdemo.types import Candidate, Demonstration, Evidence, Passage, Question, Request, Skip, Usage, Verdict


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for questions."""

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        """Return at most `k` passages a question, best first, ties in a fixed order, never one passage twice.

        `k` larger than the corpus, stop-word-only and non-ASCII questions are all legal; a question that matches
        nothing gets an empty tuple. Raises ValueError if `k` < 1.
        """
        ...


@runtime_checkable
class Generator(Protocol):
    """Writes texts."""

    usage: Usage

    def generate(self, requests: Sequence[Request]) -> list[Candidate]:
        """Answer every request; the text of one never depends on which others are in the call (up to rounding)."""
        ...


@runtime_checkable
class Judge(Protocol):
    """Compares candidates with the gold answers."""

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> list[Verdict]:
        """Label each candidate. What cannot be judged is *unscored*; a judge never guesses and never raises for it."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """Knows what to ask the model and which reply to train on. No input or output, no torch."""

    def requests(self, evidence: Evidence) -> list[Request]:
        """What the model should write for this row (empty for strategies that need no generation)."""
        ...

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Demonstration | Skip:
        """Turn judged candidates into one demonstration, or say why not."""
        ...
