"""Does a reply decline where the passages hold no answer, and nowhere else?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hf_selfdemo.core.types import Critique, Evidence
from hf_selfdemo.methods.critics.cites import without_citations
from hf_selfdemo.prompting.prompts import fill
from hf_selfdemo.scoring.refusal import is_refusal


@dataclass(frozen=True)
class DeclinesRight:
    """Wants a refusal exactly where no passage holds an accepted answer. What the reply answers does not count.

    It looks at the gold answer (`Evidence.answer_in_context`), so it trains and scores and never helps to answer.

    Example:
        >>> from hf_selfdemo.core.types import Question
        >>> DeclinesRight().critique(Evidence(Question("1", "Who?", ("Winkler",))), "Marie Curie.").message
        'The passages do not hold the answer. Say that you do not know.'
        >>> DeclinesRight().critique(Evidence(Question("1", "Who?"), answer_in_context=True), "I don't know.").message
        'The passages hold the answer. Give it.'
    """

    needs_gold: ClassVar[bool] = True

    def critique(self, evidence: Evidence, text: str) -> Critique:
        holds = evidence.answer_in_context
        if is_refusal(without_citations(text), evidence.question.text) != holds:
            return Critique(1.0)
        return Critique(0.0, fill("corgi/declines_right", holds=holds))
