"""Count why replies of an evaluation are unscored, since predictions keep only the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.protocols import Judge
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Prediction, Verdict

_NO_VERDICT = "a call failed"
"""The reason if the judge did not return a verdict."""


class WhyUnscored:
    """A judge that returns the verdicts of another judge, and counts the reasons of those that are unscored.

    Args:
        judge: the judge that decides.

    Example:
        >>> from hf_selfdemo.core.conversation import converse
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> from hf_selfdemo.judging.answer_match import AnswerMatchJudge
        >>> from hf_selfdemo.core.types import Question
        >>> judge, row = WhyUnscored(AnswerMatchJudge()), Evidence(Question("1", "Who?", ("Winkler",)))
        >>> said = next(converse([judge.judge(row, [Candidate("", "rag", "p")])], ScriptedGenerator()))
        >>> judge.counts
        Counter({'empty reply': 1})
    """

    def __init__(self, judge: Judge) -> None:
        self.counts: Counter[str] = Counter()
        self._judge = judge

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        verdicts = yield from self._judge.judge(evidence, candidates)
        self.counts.update(verdict.reason for verdict in verdicts if verdict.label == "unscored")
        return verdicts

    def report(self) -> dict[str, Any]:
        return self._judge.report()

    def reasons(self, predictions: Sequence[Prediction]) -> dict[str, int]:
        """How often each reason left a reply, or a withheld answer, unscored. The most frequent comes first.

        Args:
            predictions: all predictions that this judge has labelled.
        """
        labelled = [*predictions, *(p.withheld for p in predictions if p.withheld)]
        silent = sum(p.label == "unscored" for p in labelled) - self.counts.total()
        return dict((self.counts + Counter({_NO_VERDICT: silent})).most_common())


def unscored_lines(unscored: dict[str, dict[str, dict[str, int]]]) -> list[str]:
    """The lines to print about the reasons, by column and mode.

    Example:
        >>> unscored_lines({"base": {"rag": {"not finished": 3, "empty reply": 1}, "closed_book": {}}})
        ['unscored, base rag: 3 not finished (truncated after max_answer_tokens), 1 empty reply']
    """
    hints = {"not finished": " (truncated after max_answer_tokens)"}
    return [
        f"unscored, {name} {mode}: " + ", ".join(f"{n} {why}{hints.get(why, '')}" for why, n in reasons.items())
        for name, modes in unscored.items()
        for mode, reasons in modes.items()
        if reasons
    ]
