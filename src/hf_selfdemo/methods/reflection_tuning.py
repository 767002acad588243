"""Reflection-Tuning (Li et al. 2023, 2024, arXiv 2310.11716): questions and answers are criticised and rewritten.

Each pair is criticised by fixed criteria and then rewritten, first the question, then the answer. A rewrite that cannot
be read or is not correct is dropped. In the second version the model to be trained decides: it accepts a new question
if the answer is harder to predict from it, and a new answer if the question is easier to guess from it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.ranges import ONE_OR_MORE, check_keys
from hf_selfdemo.core.types import Candidate, Demonstration, Dialogue, Evidence, Message, Request, Skip, Verdict
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.shares import KeepsAll
from hf_selfdemo.prompting.prompts import fill

NEW_QUESTION, BETTER_ANSWER = "[New question]", "[Better answer]"
"""The markers before the result of each reflection."""

ORIGINAL, QUESTION, ANSWER, BOTH = "original", "question", "answer", "both"
"""Groups of rows: unchanged, or with a new question, a new answer or both."""

_NOTHING: tuple[Message, ...] = ({"role": "user", "content": "..."},)
"""The neutral prompt for the likelihood of a text by itself."""


@dataclass(frozen=True)
class Reflecting:
    """Options for rewriting and for selecting rewrites.

    Raises:
        UserError: for a number out of range.
    """

    reflect_on_questions: bool = key(True, "also rewrite questions", "written")
    select_by_student: bool = key(
        True,
        "select by the model's own likelihoods (the second version); false keeps everything that can be read",
        "written",
    )
    keep_originals: bool = key(True, "train rows unchanged if their rewrite was not kept", "kept")
    max_reflection_tokens: int = key(256, "longest reflection with its rewrite, in tokens", "written", ONE_OR_MORE)

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True)
class ReflectionTuning(KeepsAll):
    """Trains on rewritten pairs of question and answer, each under the row's passages.

    Its requests show the gold answer, which is what gets rewritten. New pairs are judged by that answer.

    Args:
        reflecting: options for rewriting and selecting.
        seed: unused; all calls are greedy.

    Relations: `SelfDemo` lets the model answer first, and uses the gold answer only to choose.
    """

    reflecting: Reflecting = field(default_factory=Reflecting)
    seed: int = 0

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        asked = evidence.question
        if not asked.answers or not asked.answerable or not evidence.passages or evidence.gold_removed:
            return []
        question, answer = asked.text, asked.answers[0]
        first = Candidate(answer, "gold", f"reflection/{ORIGINAL}")
        if self.reflecting.reflect_on_questions:
            new = yield from self._reflected(evidence, question, answer, "question", NEW_QUESTION)
            if new.endswith("?") and new != question and (yield from self._harder(evidence, question, new, answer)):
                question = new
        better = yield from self._reflected(evidence, question, answer, "answer", BETTER_ANSWER)
        if better and better != answer and (yield from self._easier(evidence, question, answer, better)):
            answer = better
        changed = (question != asked.text, answer != asked.answers[0])
        if not any(changed):
            return [first]
        kind = BOTH if all(changed) else QUESTION if changed[0] else ANSWER
        return [first, Candidate(answer, "rag", f"reflection/{kind}", question=question)]

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        for candidate, verdict in list(zip(candidates, verdicts, strict=True))[1:]:
            if verdict.label == "correct":
                row = replace(evidence, question=replace(evidence.question, text=candidate.question))
                group = candidate.prompt.rpartition("/")[2]
                return [Demonstration(row, candidate.text, "answer", "rag", group=group)]
        if not candidates:
            return Skip("no gold answer or no passages")
        if not self.reflecting.keep_originals:
            return Skip("no rewritten candidate is correct")
        return [Demonstration(evidence, candidates[0].text, "answer", "gold", group=ORIGINAL)]

    def _reflected(self, evidence: Evidence, question: str, answer: str, what: str, mark: str) -> Dialogue[str]:
        """The rewrite at the end of a reflection; "" if it cannot be read."""
        text = fill(f"reflection/{what}", passages=evidence.passages, question=question, answer=answer)
        [reply] = yield [
            Request(
                f"{evidence.id}/{what}",
                ({"role": "user", "content": text},),
                f"{what}_reflection",
                max_new_tokens=self.reflecting.max_reflection_tokens,
                share=f"{evidence.id}/reflection",
            )
        ]
        _, found, end = reply.text.rpartition(mark)
        said = end.strip().partition("\n")[0].strip().strip('"*')
        return said if found and reply.finish_reason == "stop" and said.casefold() not in ("n/a", "...", "none") else ""

    def _harder(self, evidence: Evidence, question: str, new: str, answer: str) -> Dialogue[bool]:
        """Whether IFD (the paper's instruction-following difficulty) accepts the new question; see `harder`."""
        if not self.reflecting.select_by_student:
            return True
        prompts = [single_prompt(one, evidence.passages) for one in (question, new)]
        alone, before, after = yield [
            self._measured(evidence, f"ifd/{i}", messages, answer) for i, messages in enumerate([_NOTHING, *prompts])
        ]
        was, now = (math.exp(alone.scores[0] - one.scores[0]) for one in (before, after))
        return harder(was, now)

    def _easier(self, evidence: Evidence, question: str, answer: str, better: str) -> Dialogue[bool]:
        """Whether reversed IFD accepts the new answer; see `easier`."""
        if not self.reflecting.select_by_student:
            return True
        prompts = [({"role": "user", "content": fill("reflection/guess", answer=one)},) for one in (answer, better)]
        alone, before, after = yield [
            self._measured(evidence, f"reversed_ifd/{i}", messages, question)
            for i, messages in enumerate([_NOTHING, *prompts])
        ]
        was, now = (math.exp(alone.scores[0] - one.scores[0]) for one in (before, after))
        return easier(was, now)

    def _measured(self, evidence: Evidence, name: str, messages: tuple[Message, ...], text: str) -> Request:
        return Request(f"{evidence.id}/{name}", messages, "ifd", scored=text)


def harder(before: float, after: float) -> bool:
    """Whether IFD accepts a new question: the answer is less likely after it, but still likelier than without it."""
    return before < after < 1


def easier(before: float, after: float) -> bool:
    """Whether reversed IFD accepts a new answer: the question is likelier after it."""
    return after < min(before, 1)


METHOD = Method(
    strategy=ReflectionTuning,
    keys=(Reflecting,),
    objectives=("sft",),
    rows="questions and answers that the model rewrote after criticism, under the retrieved passages",
    templates=("reflection/question.txt", "reflection/answer.txt", "reflection/guess.txt"),
    sees_gold=True,
    in_process={"select_by_student": False},
)
