"""CORGI (Bezalel et al. 2025, arXiv 2411.01483): attempt, critique, next attempt, in training and at inference.

Critics say in words what is wrong with a reply, and the model tries again in the same conversation. In training the
whole conversation gets the reward of its best attempt, so that early attempts profit from a later success. The paper
trains with PPO and a value model; here GRPO compares conversations on the same question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import ONE_OR_MORE, POSITIVE, check_keys
from hf_selfdemo.core.types import (
    Answer,
    Critique,
    Dialogue,
    Evidence,
    FinishReason,
    Message,
    Mode,
    Reply,
    Request,
)
from hf_selfdemo.methods.answering import PROMPTED, PromptAnswerer, answerer_identity, told
from hf_selfdemo.methods.critics.joined import TEMPLATES, Critics, named_critics
from hf_selfdemo.methods.method import Method
from hf_selfdemo.methods.ra_it import RaIt
from hf_selfdemo.prompting.prompts import TRAINED_ON


@dataclass(frozen=True)
class Improvement:
    """Options for the critics and the number of attempts.

    Raises:
        UserError: for a number out of range, or if the numbers of weights and critics differ.
    """

    attempts: int = key(
        4, "highest number of replies to a question, with critique between them", "replies", ONE_OR_MORE
    )
    critics: list[str] = key(
        ["cites", "grounded", "at_most_words"],
        "critics: cites, grounded, at_most_words, declines_right (only in training), or package.module:make",
        "replies",
    )
    critic_weights: list[float] = key([], "weights of the critics' scores; default: equal weights", "replies", POSITIVE)
    most_words: int = key(12, "number of words that at_most_words accepts", "replies", ONE_OR_MORE)
    max_feedback_tokens: int = key(
        64, "longest critique in training with its turn, in tokens; a longer one is truncated", "weights", ONE_OR_MORE
    )

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)

    @cached_property
    def all_critics(self) -> Critics:
        """The critics that the options name."""
        return named_critics(self.critics, self.critic_weights, self.most_words)


@dataclass(frozen=True, slots=True)
class Attempt:
    """A reply and its critique."""

    text: str
    critique: Critique
    finish_reason: FinishReason = "stop"


@dataclass
class Session:
    """One conversation about a row: `take` accepts the model's reply and returns the next user turn.

    Args:
        evidence: the row with the passages that the prompt shows.
        critics: the critics.
        attempts: maximum number of attempts.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> row = Evidence(Question("1", "Who?"), (Passage("a", "Winkler did."),))
        >>> session = Session(row, named_critics(["at_most_words"], most_words=2), attempts=3)
        >>> session.take("I think it was Winkler.")
        'Your reply has 5 words. Use at most 2. Answer the question again.'
        >>> session.take("It was Winkler."), session.take("Winkler."), session.best.text, session.score
        ('Your reply has 3 words. Use at most 2. Answer the question again.', '', 'Winkler.', 1.0)
    """

    evidence: Evidence
    critics: Critics
    attempts: int
    made: list[Attempt] = field(default_factory=list)

    def take(self, text: str, finish_reason: FinishReason = "stop") -> str:
        """Criticise an attempt and return the next user turn. "" ends the session, after a satisfying or last attempt.

        Raises:
            UserError: if a critic fails, naming the critic and the row.
        """
        said = self.critics.critique(self.evidence, text)
        self.made.append(Attempt(text, said, finish_reason))
        return said.message if len(self.made) < self.attempts else ""

    @property
    def best(self) -> Attempt:
        """The attempt with the highest score; of equal ones the earliest."""
        return max(self.made, key=lambda attempt: attempt.critique.score)

    @property
    def score(self) -> float:
        """The score of the best attempt."""
        return self.best.critique.score

    @property
    def satisfied_at(self) -> int:
        """The number of the first attempt that satisfied all critics; 0 if none did."""
        return next((n for n, attempt in enumerate(self.made, 1) if not attempt.critique.message), 0)


@dataclass(frozen=True)
class Sessions:
    """Settings of the sessions of a training.

    Args:
        critics: the critics; they may need gold answers.
        attempts: maximum number of attempts in a session.
        max_feedback_tokens: longest critique with its turn, in tokens; a longer one loses its last words.

    Raises:
        UserError: for a number below 1.
    """

    critics: Critics
    attempts: int = 4
    max_feedback_tokens: int = 64

    def __post_init__(self) -> None:
        ONE_OR_MORE.check(attempts=self.attempts, max_feedback_tokens=self.max_feedback_tokens)

    def room(self, longest_reply: int) -> int:
        """The maximum number of tokens of a session after its prompt.

        Args:
            longest_reply: maximum number of tokens of one attempt.

        Example:
            >>> Sessions(named_critics(["cites"]), attempts=2, max_feedback_tokens=40).room(24)
            88
        """
        return self.attempts * longest_reply + (self.attempts - 1) * self.max_feedback_tokens

    @property
    def settings(self) -> dict[str, object]:
        """The settings that decide the trained weights."""
        return {
            "attempts": self.attempts,
            "critics": {one.name: one.weight for one in self.critics.named},
            "critics_version": self.critics.identity,
            "max_feedback_tokens": self.max_feedback_tokens,
        }


@dataclass(frozen=True)
class Corgi:
    """Attempts an answer greedily, is criticised, tries again, and gives the best attempt.

    Only critics that need no gold answer are used. Without such critics, and in closed-book mode, there is one call.
    The score of the best attempt is the confidence and the signal `critics`. The trace has all attempts and critiques.

    Args:
        improvement: options for the critics and the number of attempts.
        max_answer_tokens: longest attempt, in tokens.
        seed: unused; every answerer has one.

    Relations: `Session` runs the conversation here and in training. `PromptAnswerer` asks once.

    Example:
        >>> Corgi(Improvement(attempts=2)).most_calls, Corgi(Improvement(critics=["declines_right"])).most_calls
        (2, 1)
    """

    improvement: Improvement = field(default_factory=Improvement)
    max_answer_tokens: int = 32
    seed: int = 0

    def __post_init__(self) -> None:
        ONE_OR_MORE.check(max_answer_tokens=self.max_answer_tokens)
        self.critics  # noqa: B018  # raises an error for a bad critic now, before any call

    @property
    def critics(self) -> Critics:
        """The critics that need no gold answer."""
        return self.improvement.all_critics.without_gold

    @property
    def most_calls(self) -> int:
        return self.improvement.attempts if self.critics else 1

    @property
    def identity(self) -> str:
        asked = self.critics.identity if self.critics else ""
        return answerer_identity("corgi", [*TRAINED_ON, TEMPLATES], self.most_calls, asked, self.max_answer_tokens)

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...] | None:
        """The prompt if there is only one attempt; None if there may be several."""
        return PROMPTED.prompt(evidence, mode) if self.most_calls == 1 else None

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        if mode == "closed_book" or not self.critics:
            return (yield from PromptAnswerer(self.max_answer_tokens).answer(evidence, mode))
        session = Session(evidence, self.critics, self.most_calls)
        turns, replies, trace = PROMPTED.prompt(evidence, mode), list[Reply](), list[tuple[str, str]]()
        while True:
            [reply] = yield [self._request(evidence, len(replies) + 1, turns)]
            feedback = session.take(reply.text, reply.finish_reason)
            replies.append(reply)
            trace += [(f"attempt {len(replies)}", reply.text), (f"critique {len(replies)}", _said(session.made[-1]))]
            if not feedback:
                break
            turns += ({"role": "assistant", "content": reply.text}, {"role": "user", "content": feedback})
        best = session.best
        signals = told(evidence, mode, replies[session.made.index(best)])
        return Answer(
            best.text,
            best.finish_reason,
            best.critique.score,
            trace=tuple(trace),
            signals=(*signals, ("critics", best.critique.score)),
        )

    def _request(self, evidence: Evidence, number: int, turns: Sequence[Message]) -> Request:
        return Request(
            f"{evidence.id}/attempt/{number}",
            tuple(turns),
            "attempt",
            max_new_tokens=self.max_answer_tokens,
            share=f"{evidence.id}/passages",
            keep=number < self.most_calls,
        )


def _said(attempt: Attempt) -> str:
    return attempt.critique.message or "satisfied"


def _asked_rows(improvement: Improvement | None = None, seed: int = 0) -> RaIt:
    """The strategy that makes rows to ask. Their gold answers serve critics that need them and are not trained on."""
    return RaIt(seed)


def _sessions(improvement: Improvement) -> Sessions:
    return Sessions(improvement.all_critics, improvement.attempts, improvement.max_feedback_tokens)


METHOD = Method(
    strategy=_asked_rows,
    keys=(Improvement,),
    objectives=("grpo",),
    rows="the questions that are asked, with their passages; the gold answers beside them are not trained on",
    asks=False,
    answerer=Corgi,
    sessions=_sessions,
)
