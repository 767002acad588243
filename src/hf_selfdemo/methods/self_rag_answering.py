"""How a Self-RAG model answers: it decides whether to retrieve, replies from each passage, and its tokens choose."""

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
"""Room for relevance, support and utility besides that for the answer."""


@dataclass(frozen=True)
class Decoding:
    """When passages are read, and what counts in choosing among the replies. Weights are the paper's.

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
        """What a reply is worth beside the others: exp(mean log-probability) and its weighted tokens.

        A kind of token that was not written counts nothing, as in the paper's release.
        """
        likely = math.exp(reply.logprob) if reply.logprob is not None else 0.0
        weights = (self.relevance_weight, self.support_weight, self.utility_weight)
        values = (found.relevance, found.support, found.utility)
        return likely + math.fsum(w * v for w, v in zip(weights, values, strict=True) if v is not None)


@dataclass(frozen=True)
class SelfRagAnswerer:
    """Asks the question alone; a passage stands at the beginning of the reply that is written from it.

    One forward pass without passages says how likely [Retrieval] is. At or below the threshold the model answers from
    memory. Above it, and where nobody tells that probability, it writes one reply from each passage, and the best score
    wins. An answer abstains where the winning reply declines: training teaches that after [Irrelevant], and after
    [No Retrieval], where the model does not know. Then the best reply that does not decline is what was withheld.

    Args:
        decoding: when passages are read, and what counts.
        max_answer_tokens: longest answer, without the tokens.

    Raises:
        UserError: if `max_answer_tokens` is below 1.

    Relations: for models that were trained with `method: self_rag`; no server tells what this asks.

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
        """There is none that shows the passages."""

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
            # The paper's release puts log-probabilities into this ratio, which turns it round: at p([Retrieval]) = 0.9
            # it is log 0.9 / (log 0.9 + log 0.1) = 0.04. Here it is one of probabilities.
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
        found = replace(reflections(reply), relevance=None)  # there is no passage that could be relevant
        signals = (*told(evidence, "closed_book", reply), *found.signals, *gate)
        return _answer(reply, signals, (("memory", reply.text),))

    def _best(self, evidence: Evidence, replies: Sequence[Reply], gate: Signals) -> Answer:
        found = [reflections(reply) for reply in replies]
        worth = [self.decoding.score(reply, one) for reply, one in zip(replies, found, strict=True)]
        order = sorted(range(len(replies)), key=lambda i: -worth[i])  # of equal ones the passage that ranks first
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
