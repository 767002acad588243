"""A judge that compares texts first, and asks the model only about texts that state no accepted answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Verdict
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.judging.llm_label import LlmLabelJudge
from hf_selfdemo.judging.request import known_answers


class MatchThenLlmJudge:
    """Labels as `AnswerMatchJudge`, but asks the model about incorrect candidates: they may be correct in other words.

    For these, the model's label counts, and a candidate is *unscored* if it cannot be read. Replies with more than
    `max_words` words stay incorrect. If no answer is known, the model is not asked.

    Args:
        seed: seed of all sampling.
        tries: the most times that the model is asked about a candidate.
        reasoning: whether the model reasons first, sampled at temperature 1, instead of choosing a word.
        max_new_tokens: longest reply with reasoning, in tokens.
        passages: the most passages to show to the model, best first.
        max_words: the most words of a correct reply.

    Raises:
        UserError: if a number is out of range; the message names the option.

    Relations: combines `AnswerMatchJudge` and `LlmLabelJudge`.

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
        """The report of the `LlmLabelJudge`: the counts of its calls and labels."""
        return self.llm.report()

    def _may_be_right(self, candidate: Candidate) -> bool:
        return len(candidate.text.split()) <= self.match.max_words
