"""A critic that checks that a reply cites a passage."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from hf_selfdemo.core.types import Critique, Evidence
from hf_selfdemo.prompting.prompts import fill
from hf_selfdemo.scoring.refusal import is_refusal

_CITATION = re.compile(r"\[\s*(\d+(?:\s*,\s*\d+)*)\s*\]")
"""A citation by the passage numbers of the prompt: [2], or several as in [1, 3]."""


@dataclass(frozen=True)
class Cites:
    """Checks that a reply cites at least one passage by its number in brackets, and none that is not shown.

    The score is the share of cited numbers that exist. An abstention needs no citation and satisfies this critic.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> row = Evidence(Question("1", "Who?"), (Passage("a", "Winkler did."), Passage("b", "It rained.")))
        >>> Cites().critique(row, "Winkler [2]").message, Cites().critique(row, "Winkler [2] [7]").score
        ('', 0.5)
        >>> Cites().critique(row, "Winkler").message
        'Name the passage that holds the answer by its number in brackets, from [1] to [2].'
    """

    needs_gold: ClassVar[bool] = False

    def critique(self, evidence: Evidence, text: str) -> Critique:
        if is_refusal(without_citations(text), evidence.question.text):
            return Critique(1.0)
        shown, numbers = len(evidence.passages), cited(text)
        there = [number for number in numbers if 1 <= number <= shown]
        if there and len(there) == len(numbers):
            return Critique(1.0)
        absent = next((f"[{number}]" for number in numbers if not 1 <= number <= shown), "")
        score = len(there) / len(numbers) if numbers else 0.0
        return Critique(score, fill("corgi/cites", absent=absent, passages=shown))


def cited(text: str) -> list[int]:
    """The numbers in brackets, in order.

    Example:
        >>> cited("Winkler [2], in 1886 [1, 3].")
        [2, 1, 3]
    """
    return [int(number[:_DIGITS]) for found in _CITATION.finditer(text) for number in found[1].split(",")]


_DIGITS = 9
"""Maximum number of digits that are read of a number; longer ones are never passages."""


def without_citations(text: str) -> str:
    """The text without numbers in brackets.

    Example:
        >>> without_citations("Winkler [2], in 1886.")
        'Winkler , in 1886.'
    """
    return _CITATION.sub("", text)
