"""A critic that checks that a reply abstains exactly where the passages do not contain the answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from hf_selfdemo.core.types import Critique, Evidence
from hf_selfdemo.methods.critics.cites import without_citations
from hf_selfdemo.prompting.prompts import fill
from hf_selfdemo.scoring.refusal import is_refusal


@dataclass(frozen=True)
class DeclinesRight:
    """Checks that a reply abstains exactly where no passage contains an accepted answer. Answers are not checked.

    It uses the gold answer (`Evidence.answer_in_context`), so it serves training and scoring but never inference.

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
