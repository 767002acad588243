"""The deterministic judge: does the text decline to answer, and if not, does it state an accepted answer?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Verdict
from hf_selfdemo.scoring.label import label_by_match

_WORDS = {
    "unscored": "empty reply",
    "abstain": "declines to answer",
    "correct": "states an accepted answer",
    "incorrect": "states no accepted answer",
}


class AnswerMatchJudge:
    """Labels as `scoring.label.label_by_match` does, without a model. An empty text is *unscored*.

    Strict towards lists: a reply that merely repeats whole passages would state any answer, so a text with more than
    `max_words` words is incorrect whatever it states.

    Args:
        max_words: longest reply that can be right.

    Raises:
        UserError: if `max_words` is below 1.

    Example:
        >>> AnswerMatchJudge().label("On Dec 25th, 2001.", ("25 December 2001",)).label
        'correct'
    """

    def __init__(self, max_words: int = 60) -> None:
        ONE_OR_MORE.check(max_words=max_words)
        self.max_words = max_words

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        question = evidence.question
        return [self.label(candidate.text, question.answers, question.text) for candidate in candidates]
        yield  # never reached: a dialogue that asks nothing

    def report(self) -> dict[str, Any]:
        return {}

    def label(self, text: str, answers: Sequence[str], question: str = "") -> Verdict:
        """The verdict on one text; the question tells what kind of answer it wants."""
        label = label_by_match(text, tuple(answers), question)
        if label == "correct" and len(text.split()) > self.max_words:
            return Verdict("incorrect", f"states the answer among more than {self.max_words} words")
        if label == "incorrect" and not answers:
            return Verdict("incorrect", "nothing is known to be right")
        return Verdict(label, _WORDS[label])
