"""How a Self-RAG model answers: it decides whether to retrieve, replies from each passage, and ranks by its tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, SHARE, check_keys
from hf_selfdemo.core.types import Answer, Dialogue, Evidence, Message, Mode, Reply, Request, Segment, Signals
from hf_selfdemo.methods.answering import PROMPTED, answerer_identity, told
from hf_selfdemo.methods.reflection_tokens import (
    GATE,
    NO_RETRIEVAL,
    TOKENS,
    Reflections,
    paragraph,
    reflections,
    share,
)
from hf_selfdemo.prompting.added_tokens import without_added
from hf_selfdemo.scoring.refusal import is_refusal

_TOKENS_OF_A_REPLY = 3
"""Tokens for relevance, support and utility, in addition to those of the answer."""


@dataclass(frozen=True)
class Decoding:
    """Options for reading passages and for choosing among the replies. The weights are the paper's.

    Raises:
        UserError: for a number out of range.
    """

    retrieve: Literal["adaptive", "always", "never"] = key(
        "adaptive", "when passages are read: adaptive (the model decides), always or never", "replies"
    )
    retrieval_threshold: float = key(
        0.2, "adaptive: read passages if the probability of [Retrieval] is above this", "replies", SHARE
    )
    paragraphs: int = key(5, "number of passages to reply from, one by one, best first", "replies", ONE_OR_MORE)
    relevance_weight: float = key(
        1.0, "weight of the probability of [Relevant] in a reply's score", "replies", NOT_NEGATIVE
    )
    support_weight: float = key(1.0, "weight of the passage's support for the reply", "replies", NOT_NEGATIVE)
    utility_weight: float = key(0.5, "weight of the reply's utility", "replies", NOT_NEGATIVE)

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)

    def score(self, reply: Reply, found: Reflections) -> float:
        """The score of a reply: exp(mean log-probability) plus its weighted token scores.

        A kind of token that was not written adds nothing, as in the paper's release.
        """
        likely = math.exp(reply.logprob) if reply.logprob is not None else 0.0
        weights = (self.relevance_weight, self.support_weight, self.utility_weight)
        values = (found.relevance, found.support, found.utility)
        return likely + math.fsum(w * v for w, v in zip(weights, values, strict=True) if v is not None)


@dataclass(frozen=True)
class SelfRagAnswerer:
    """Answers from memory or from each passage; a passage is put at the beginning of the reply written from it.

    One forward pass without passages gives the probability of [Retrieval]. At or below the threshold the model answers
    from memory. Above it, or if the probability is unknown, it writes one reply from each passage, and the reply with
    the best score wins. The answer is an abstention if the winning reply abstains, as training teaches after
    [Irrelevant] and [No Retrieval]. Then the best reply that does not abstain is the withheld answer.

    Args:
        decoding: options for reading passages and choosing.
        max_answer_tokens: longest answer in tokens, without the reflection tokens.

    Raises:
        UserError: if `max_answer_tokens` is below 1.

    Relations: for models that were trained with `method: self_rag`. It does not work with a server.

    Example:
        >>> SelfRagAnswerer().most_calls, SelfRagAnswerer(Decoding(retrieve="never")).most_calls
        (6, 1)
    """

    decoding: Decoding = field(default_factory=Decoding)
    max_answer_tokens: int = 32

    def __post_init__(self) -> None:
        ONE_OR_MORE.check(max_answer_tokens=self.max_answer_tokens)

    @property
    def identity(self) -> str:
        return answerer_identity("self_rag", ["closed_book.txt"], self.decoding, self.max_answer_tokens)

    @property
    def most_calls(self) -> int:
        passages = {"adaptive": 1 + self.decoding.paragraphs, "always": self.decoding.paragraphs, "never": 1}
        return passages[self.decoding.retrieve]

    def prompt(self, evidence: Evidence, mode: Mode) -> None:
        """None, because no single prompt shows the passages."""

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        asked = Request(
            evidence.id,
            _messages(evidence),
            f"evaluate {mode}",
            max_new_tokens=self.max_answer_tokens + _TOKENS_OF_A_REPLY,
            share=f"{evidence.id}/question",
            added=TOKENS,
        )
        if mode == "closed_book" or self.decoding.retrieve == "never" or not evidence.passages:
            return (yield from self._from_memory(asked, evidence, ()))
        gate: Signals = ()
        if self.decoding.retrieve == "adaptive":
            [decided] = yield [replace(asked, id=f"{evidence.id}/gate", stage="gate", choices=GATE)]
            # The paper's release computes this ratio from log-probabilities, which reverses it: at p([Retrieval]) = 0.9
            # it gives log 0.9 / (log 0.9 + log 0.1) = 0.04. Here the ratio is computed from probabilities.
            wanted = share(decided.scores)
            gate = () if wanted is None else (("retrieval", wanted),)
            if wanted is not None and wanted <= self.decoding.retrieval_threshold:
                return (yield from self._from_memory(asked, evidence, gate))
        replies = yield [
            replace(asked, id=f"{evidence.id}/paragraph/{place}", begun=paragraph(passage))
            for place, passage in enumerate(evidence.passages[: self.decoding.paragraphs])
        ]
        return self._best(evidence, replies, gate)

    def _from_memory(self, asked: Request, evidence: Evidence, gate: Signals) -> Dialogue[Answer]:
        [reply] = yield [replace(asked, id=f"{asked.id}/memory", begun=(Segment(NO_RETRIEVAL, trusted=True),))]
        found = replace(reflections(reply), relevance=None)  # relevance has no meaning without a passage
        signals = (*told(evidence, "closed_book", reply), *found.signals, *gate)
        return _answer(reply, signals, (("memory", reply.text),))

    def _best(self, evidence: Evidence, replies: Sequence[Reply], gate: Signals) -> Answer:
        found = [reflections(reply) for reply in replies]
        worth = [self.decoding.score(reply, one) for reply, one in zip(replies, found, strict=True)]
        order = sorted(range(len(replies)), key=lambda i: -worth[i])  # stable: of equal scores the first passage
        trace = tuple((f"passage {place + 1}", reply.text) for place, reply in enumerate(replies))

        def answer(place: int) -> Answer:
            signals = (*told(evidence, "rag", replies[place]), *found[place].signals, *gate)
            return _answer(replies[place], signals, trace)

        best, *others = map(answer, order)
        if not is_refusal(best.text, evidence.question.text):
            return best
        attempts = (one for one in others if one.text and not is_refusal(one.text, evidence.question.text))
        return replace(best, withheld=next(attempts, None))


def _answer(reply: Reply, signals: Signals, trace: tuple[tuple[str, str], ...]) -> Answer:
    return Answer(without_added(reply.text, TOKENS), reply.finish_reason, trace=trace, signals=signals)


def _messages(evidence: Evidence) -> tuple[Message, ...]:
    return PROMPTED.prompt(evidence, "closed_book")
