"""A judge that asks the model whether each candidate is correct, incorrect or an abstention."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.ranges import ONE_OR_MORE, ZERO_OR_MORE
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Reply, Request, Verdict
from hf_selfdemo.judging.inquiry import Inquiry
from hf_selfdemo.judging.request import judging_request, known_answers, shown
from hf_selfdemo.judging.verdicts import read_label
from hf_selfdemo.scoring.refusal import is_refusal

LABEL_WORDS = ("correct", "incorrect", "refuse")
"""The words that the model chooses from. Choices must differ in their first token."""

_UNREAD = Verdict("unscored", "the model's verdict cannot be read")


class LlmLabelJudge:
    """Labels each candidate by asking the model, which sees the question, the accepted answers and the passages.

    The model is asked only about finished, non-empty candidates, and about equal ones only once. The others are
    *unscored*, and so are those for which its verdict cannot be read. If no answer is known, the model is not asked:
    candidates that abstain get that label, and all others are *unscored*.

    Args:
        seed: seed of all sampling.
        tries: the most times that the model is asked about a candidate; the paper's judges get 5.
        reasoning: whether the model reasons first, sampled at temperature 1, instead of choosing a word.
        max_new_tokens: longest reply with reasoning, in tokens.
        passages: the most passages to show, best first. If the row has no more than these, the prompt begins like the
            candidates' own, and the engine need not read the passages again.

    Raises:
        UserError: if a number is out of range; the message names the option.

    Relations: `AnswerMatchJudge` needs no model. `MatchThenLlmJudge` asks the model only if that one says "incorrect".

    Example:
        >>> from hf_selfdemo.core.conversation import converse
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> from hf_selfdemo.core.types import Question
        >>> row = Evidence(Question("q1", "Who discovered germanium?", ("Winkler",)))
        >>> dialogue = LlmLabelJudge().judge(row, [Candidate("A chemist called Winkler.", "rag", "p")])
        >>> next(converse([dialogue], ScriptedGenerator(lambda request: "Correct.")))[0].label
        'correct'
    """

    def __init__(
        self, seed: int = 0, tries: int = 5, reasoning: bool = False, max_new_tokens: int = 256, passages: int = 4
    ) -> None:
        ONE_OR_MORE.check(max_new_tokens=max_new_tokens)
        ZERO_OR_MORE.check(passages=passages)
        self.reasoning = reasoning
        self.max_new_tokens = max_new_tokens
        self.passages = passages
        self._inquiry = Inquiry(seed, tries)
        self._said: Counter[str] = Counter()
        self._lock = threading.Lock()

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        answers = known_answers(evidence)
        question = evidence.question.text
        verdicts = [_without_asking(candidate, answers, question) for candidate in candidates]
        texts = list(dict.fromkeys(shown(c.text) for c, v in zip(candidates, verdicts, strict=True) if v is None))
        requests = [self._request(evidence, i, text) for i, text in enumerate(texts)]
        read = yield from self._inquiry.ask(requests, _read)
        with self._lock:
            self._said.update(verdict.label for verdict in read if verdict)
        said = dict(zip(texts, read, strict=True))
        return [v or said[shown(c.text)] or _UNREAD for c, v in zip(candidates, verdicts, strict=True)]

    def report(self) -> dict[str, Any]:
        """The counts of `Inquiry.report`, and how often the model gave each label."""
        with self._lock:
            labels = {name: self._said[name] for name in ("correct", "incorrect", "abstain")}
        return {**self._inquiry.report(), "labels": labels}

    def _request(self, evidence: Evidence, number: int, text: str) -> Request:
        return judging_request(
            evidence,
            "label",
            f"label/{number}",
            LABEL_WORDS,
            self.reasoning,
            self.max_new_tokens,
            self.passages,
            reply=text,
        )


def _without_asking(candidate: Candidate, answers: Sequence[str], question: str) -> Verdict | None:
    """The verdict if it needs no model, otherwise None."""
    if not candidate.text.strip():
        return Verdict("unscored", "empty reply")
    if candidate.finish_reason != "stop":
        return Verdict("unscored", "not finished")
    if answers:
        return None
    if is_refusal(candidate.text, question):
        return Verdict("abstain", "abstains")
    return Verdict("unscored", "no accepted answer is known")


def _read(_: int, reply: Reply) -> Verdict | None:
    label = read_label(reply.text, whole=reply.finish_reason == "stop")
    return Verdict(label, "the model says so") if label else None
