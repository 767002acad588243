"""Verdict first: a reply begins with one word that says whether the passages contain the answer, and then continues.

The verdict is about the passages, not about whether the model answers: "Absent: Paris" is an answer from memory. In
training the verdict precedes the model's own words. At inference it is removed from the reply, and its probability is a
confidence signal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import (
    Answer,
    Demonstration,
    Dialogue,
    Evidence,
    Message,
    Mode,
    Rejected,
    Reply,
    Request,
    Signals,
)
from hf_selfdemo.methods.answering import PROMPTED, WITHHELD, answerer_identity, told
from hf_selfdemo.prompting.prompts import TRAINED_ON
from hf_selfdemo.scoring.refusal import is_refusal

PRESENT, ABSENT = "Present:", "Absent:"
"""The verdicts. Their first tokens differ in the vocabularies of SmolLM2 and Qwen2.5."""

_WORD_TOKENS = 4
"""Tokens for the verdict in addition to those of the answer; it has three tokens in these vocabularies."""


def with_verdict(text: str, present: bool) -> str:
    """A text with a verdict before it.

    Example:
        >>> with_verdict("Paris", present=True), with_verdict("I don't know.", present=False)
        ('Present: Paris', "Absent: I don't know.")
    """
    return f"{PRESENT if present else ABSENT} {text}"


def cut_verdict(text: str) -> tuple[str, str]:
    """The verdict at the beginning of a text ("" if there is none) and the rest of the text.

    Example:
        >>> cut_verdict("Absent: Paris"), cut_verdict("Paris")
        (('Absent:', 'Paris'), ('', 'Paris'))
    """
    begun = text.lstrip()
    word = next((word for word in (PRESENT, ABSENT) if begun.startswith(word)), "")
    return (word, begun.removeprefix(word).lstrip()) if word else ("", text)


def verdict_first(made: Demonstration) -> Demonstration:
    """The demonstration with a verdict before each text; a closed-book one has no passages and does not change.

    A rejected incorrect answer gets the same verdict as the response. A rejected false refusal gets "Absent:", because
    its error is about the passages.

    Args:
        made: a demonstration without verdicts.
    """
    if made.mode == "closed_book":
        return made
    present = made.evidence.answer_in_context
    rejected = (Rejected(with_verdict(r.text, present and r.label != "abstain"), r.label) for r in made.rejected)
    return replace(made, response=with_verdict(made.response, present), rejected=tuple(rejected))


@dataclass(frozen=True)
class VerdictAnswerer:
    """Asks with the prompt of training, removes the verdict from the reply, and measures its probability.

    The signal `verdict` is the probability of "Absent:" against "Present:"; engines that cannot score openings do not
    give it. If the reply abstains, the model is asked again for an answer that does not begin with "Absent:"
    (`Answer.withheld`). The trace has replies with their verdicts; a reply without a verdict does not change.

    Args:
        max_answer_tokens: longest answer in tokens, without the verdict.

    Raises:
        UserError: if `max_answer_tokens` is below 1.

    Relations: for models that were trained with `reply_form: verdict_first`; for others use `PromptAnswerer`.

    Example:
        >>> VerdictAnswerer().identity.partition("/")[0], VerdictAnswerer().most_calls
        ('verdict_first', 3)
    """

    max_answer_tokens: int = 32

    most_calls: ClassVar[int] = 3

    def __post_init__(self) -> None:
        ONE_OR_MORE.check(max_answer_tokens=self.max_answer_tokens)

    @property
    def identity(self) -> str:
        return answerer_identity("verdict_first", TRAINED_ON, self.max_answer_tokens)

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...]:
        return PROMPTED.prompt(evidence, mode)

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        asked = Request(
            evidence.id,
            self.prompt(evidence, mode),
            f"evaluate {mode}",
            max_new_tokens=self.max_answer_tokens + _WORD_TOKENS,
            share=f"{evidence.id}/passages" if mode == "rag" else "",
        )
        if mode == "closed_book":  # without passages there is no verdict
            [reply] = yield [asked]
            return _without_verdict(reply, told(evidence, mode, reply))
        words = replace(asked, id=f"{evidence.id}/verdict", stage="verdict", openings=(ABSENT, PRESENT))
        reply, verdict = yield [asked, words]
        sure = _verdict_signal(verdict.scores)
        answer = _without_verdict(reply, (*told(evidence, mode, reply), *sure))
        if not is_refusal(answer.text, evidence.question.text):
            return answer
        [other] = yield [replace(asked, id=f"{evidence.id}/withheld", stage=WITHHELD, avoid=(ABSENT,))]
        if other.finish_reason == "error":
            return answer
        return replace(answer, withheld=_without_verdict(other, (*told(evidence, mode, other), *sure)))


def _verdict_signal(scores: Sequence[float]) -> Signals:
    """The probability of "Absent:" against "Present:"; empty if the engine gives no scores."""
    if len(scores) != 2:
        return ()
    absent, present = scores
    return (("verdict", 1 / (1 + math.exp(min(present - absent, 700.0)))),)


def _without_verdict(reply: Reply, signals: Signals) -> Answer:
    word, text = cut_verdict(reply.text)
    return Answer(text, reply.finish_reason, trace=(("reply", reply.text),) if word else (), signals=signals)
