"""The deterministic judge first; the model only where that one finds no accepted answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Verdict
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.judging.llm_label import LlmLabelJudge
from hf_selfdemo.judging.request import known_answers


class MatchThenLlmJudge:
    """Trusts a match, and asks the model about what the match calls incorrect: it may be right in other words.

    The model's word then counts, and no word at all leaves the candidate *unscored*. Replies with more than `max_words`
    words stay incorrect, and so does everything where no answer is known: there is nothing to ask.

    Args:
        seed: of everything sampled.
        tries: times the model is asked about a candidate at most.
        reasoning: let the model think aloud first instead of choosing a word.
        max_new_tokens: longest such thought, in tokens.
        passages: shown to the model at most.
        max_words: longest reply that can be right.

    Raises:
        UserError: if a number makes no judge; it names the key.

    Relations: `AnswerMatchJudge` and `LlmLabelJudge` are its two halves.

    Example:
        >>> from hf_selfdemo.core.conversation import converse
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> from hf_selfdemo.core.types import Question
        >>> row = Evidence(Question("q1", "Who wrote Candide?", ("Voltaire",)))
        >>> written = [Candidate(text, "rag", "p") for text in ("Voltaire", "F.-M. Arouet.")]
        >>> model = ScriptedGenerator(lambda request: "correct")
        >>> [verdict.reason for verdict in next(converse([MatchThenLlmJudge().judge(row, written)], model))]
        ['states an accepted answer', 'the model says so']
    """

    def __init__(
        self,
        seed: int = 0,
        tries: int = 5,
        reasoning: bool = False,
        max_new_tokens: int = 256,
        passages: int = 4,
        max_words: int = 60,
    ) -> None:
        self.match = AnswerMatchJudge(max_words)
        self.llm = LlmLabelJudge(seed, tries, reasoning, max_new_tokens, passages)

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        verdicts = yield from self.match.judge(evidence, candidates)
        if not known_answers(evidence):
            return verdicts
        doubtful = [i for i, v in enumerate(verdicts) if v.label == "incorrect" and self._may_be_right(candidates[i])]
        second = yield from self.llm.judge(evidence, [candidates[i] for i in doubtful])
        for i, verdict in zip(doubtful, second, strict=True):
            verdicts[i] = verdict
        return verdicts

    def report(self) -> dict[str, Any]:
        """What asking the model took, and what it said."""
        return self.llm.report()

    def _may_be_right(self, candidate: Candidate) -> bool:
        return len(candidate.text.split()) <= self.match.max_words
