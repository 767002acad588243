"""The deterministic judge, which compares texts with the accepted answers and asks no model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Verdict
from hf_selfdemo.scoring.label import label_by_match

_WORDS = {
    "unscored": "empty reply",
    "abstain": "abstains",
    "correct": "states an accepted answer",
    "incorrect": "states no accepted answer",
}


class AnswerMatchJudge:
    """Labels texts by `scoring.label.label_by_match`, without a model. An empty text is *unscored*.

    A text with more than `max_words` words is never correct, because a reply that repeats whole passages could state
    any answer.

    Args:
        max_words: the most words of a correct reply.

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
        yield  # never reached, but makes this function a dialogue

    def report(self) -> dict[str, Any]:
        return {}

    def label(self, text: str, answers: Sequence[str], question: str = "") -> Verdict:
        """The verdict on one text. The words of the question show what kind of answer it asks for."""
        label = label_by_match(text, tuple(answers), question)
        if label == "correct" and len(text.split()) > self.max_words:
            return Verdict("incorrect", f"states an accepted answer, but in more than {self.max_words} words")
        if label == "incorrect" and not answers:
            return Verdict("incorrect", "no accepted answer is known")
        return Verdict(label, _WORDS[label])
