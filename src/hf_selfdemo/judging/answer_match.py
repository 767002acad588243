"""The deterministic judge: is an accepted answer in the text, and does the text decline to answer?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.refusal import is_refusal
from hf_selfdemo.types import Candidate, Dialogue, Evidence, Verdict


class AnswerMatchJudge:
    """Labels by `is_refusal` first, then by `contains_answer`. An empty text is *unscored*.

    Strict towards lists: a reply that merely repeats whole passages would hold any answer, so a text with more than
    `max_words` words is incorrect whatever it holds.

    Args:
        max_words: longest reply that can be right.

    Example:
        >>> AnswerMatchJudge().label("Wilhelm Rontgen did.", ("Wilhelm Röntgen",)).label
        'correct'
    """

    def __init__(self, max_words: int = 60) -> None:
        self.max_words = max_words

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        return [self.label(candidate.text, evidence.question.answers) for candidate in candidates]
        yield  # never reached: a dialogue that asks nothing

    def report(self) -> dict[str, Any]:
        return {}

    def label(self, text: str, answers: Sequence[str]) -> Verdict:
        """The verdict on one text."""
        if not text.strip():
            return Verdict("unscored", "empty reply")
        if is_refusal(text):
            return Verdict("abstain", "declines to answer")
        if contains_answer(text, answers):
            if len(text.split()) > self.max_words:
                return Verdict("incorrect", f"holds the answer among more than {self.max_words} words")
            return Verdict("correct", "holds an accepted answer")
        return Verdict("incorrect", "holds no accepted answer" if answers else "nothing is known to be right")
