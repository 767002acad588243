"""A critic that checks that a reply is short enough."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Critique, Evidence
from hf_selfdemo.methods.critics.cites import without_citations
from hf_selfdemo.prompting.prompts import fill


@dataclass(frozen=True)
class AtMostWords:
    """Checks that a reply has at most `most_words` words, citations not counted. A longer reply gets a lower score.

    Args:
        most_words: maximum number of words of a reply.

    Raises:
        UserError: if `most_words` is below 1.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> AtMostWords(2).critique(Evidence(Question("1", "Who?")), "Clemens Winkler found it [1].")
        Critique(score=0.5, message='Your reply has 4 words. Use at most 2.')
    """

    most_words: int = 12

    needs_gold: ClassVar[bool] = False

    def __post_init__(self) -> None:
        ONE_OR_MORE.check(most_words=self.most_words)

    def critique(self, evidence: Evidence, text: str) -> Critique:
        count = sum(any(map(str.isalnum, word)) for word in without_citations(text).split())
        if count <= self.most_words:
            return Critique(1.0)
        return Critique(self.most_words / count, fill("corgi/at_most_words", count=count, most=self.most_words))
