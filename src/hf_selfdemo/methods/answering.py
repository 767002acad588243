"""How a model is asked a question: by default in one call with the prompt of the mode.

Training, evaluation, cards and exports all take the prompt from here.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import deciding, defaults
from hf_selfdemo.core.manifest import fingerprint
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Answer, Dialogue, Evidence, Message, Mode, Passage, Question, Reply, Request, Signals
from hf_selfdemo.generation.beginnings import begins_with
from hf_selfdemo.prompting.prompts import TEMPLATES, render, templates_hash
from hf_selfdemo.scoring.refusal import is_refusal
from hf_selfdemo.scoring.refusal.openings import alike


@dataclass(frozen=True)
class PromptAnswerer:
    """One greedy call with the template of the mode, and optional further calls for confidence signals.

    Every answer has the free signals: the best passage's score and the mean log-probability of the reply. With
    `openings` and passages it also has the probability that the reply begins as an abstention, which costs a few tokens
    because the prompt is already computed. With `withheld` a model that abstains is asked once more for an answer,
    which may not begin as an abstention. An engine that cannot do this gives the same answer without these signals.
    Neither option changes the answer or its request.

    Args:
        max_answer_tokens: longest reply, in tokens.
        rag: name of the template with passages.
        closed_book: name of the template without passages.
        openings: how abstentions begin (`methods.openings`); empty for no such signal.
        withheld: whether to ask for a withheld answer where the model abstains.

    Raises:
        UserError: if `max_answer_tokens` is below 1, an opening is a prefix of another, or `withheld` is set without
            `openings`.

    Relations: models are trained with the same prompts.

    Example:
        >>> PromptAnswerer().prompt(Evidence(Question("1", "Who?")), "closed_book")[0]["content"].splitlines()[0]
        'Question: Who?'
    """

    max_answer_tokens: int = 32
    rag: str = "rag"
    closed_book: str = "closed_book"
    openings: tuple[str, ...] = ()
    withheld: bool = False

    def __post_init__(self) -> None:
        ONE_OR_MORE.check(max_answer_tokens=self.max_answer_tokens)
        if both := alike(self.openings):
            raise UserError(f"the opening {both[1]!r} begins with the opening {both[0]!r}", "remove the longer one")
        if self.withheld and not self.openings:
            raise UserError("withheld needs openings, which say how abstentions begin", "give openings")

    @property
    def most_calls(self) -> int:
        return 1 + bool(self.openings) + self.withheld

    @property
    def identity(self) -> str:
        return answerer_identity("prompt", [f"{self.rag}.txt", f"{self.closed_book}.txt"], self.max_answer_tokens)

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        request = Request(evidence.id, self.prompt(evidence, mode), f"evaluate {mode}", 0.0, self.max_answer_tokens)
        if mode == "closed_book" or not self.openings:
            [reply] = yield [request]
            return Answer(reply.text, reply.finish_reason, signals=told(evidence, mode, reply))
        request = replace(request, share=f"{evidence.id}/passages")
        refusal = replace(request, id=f"{evidence.id}/refusal", stage=REFUSAL, openings=self.openings)
        reply, measured = yield [request, refusal]
        chance: Signals = (("refusal", _probability(measured.scores)),) if measured.scores else ()
        withheld = None
        if self.withheld and is_refusal(reply.text, evidence.question.text):
            [other] = yield [self._without_refusing(request, reply)]
            if other.finish_reason != "error":
                withheld = Answer(other.text, other.finish_reason, signals=told(evidence, mode, other) + chance)
        signals = told(evidence, mode, reply) + chance
        return Answer(reply.text, reply.finish_reason, signals=signals, withheld=withheld)

    def _without_refusing(self, request: Request, reply: Reply) -> Request:
        """The same request for a reply that begins neither like an abstention nor like the given reply."""
        known = any(begins_with(reply.text, opening) for opening in self.openings)
        own = " ".join(reply.text.split()[:_OWN_WORDS])
        avoid = self.openings if known or not own else (*self.openings, own)
        return replace(request, id=f"{request.id}/withheld", stage=WITHHELD, avoid=avoid)

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...]:
        if mode == "closed_book":
            return render(self.closed_book, evidence.question.text)
        return render(self.rag, evidence.question.text, evidence.passages)

    def template(self) -> str:
        """The with-passages prompt as one jinja2 template with the variables `passages` (each with `title` and `text`,
        best first) and `question`, for an environment with `trim_blocks` and `lstrip_blocks`.

        Example:
            >>> PromptAnswerer().template().splitlines()[-2]
            'Question: {{ question }}'
        """
        passages = (TEMPLATES / "passages.txt").read_text(encoding="utf-8").rstrip("\n")
        whole = (TEMPLATES / f"{self.rag}.txt").read_text(encoding="utf-8")
        return whole.replace('{% include "passages.txt" %}', passages)


REFUSAL, WITHHELD = "refusal_signal", "withheld"
"""Stages of the calls besides the answer."""

_OWN_WORDS = 3
"""Number of first words of an abstention that the withheld answer must not begin with, if no opening matches."""


def told(evidence: Evidence, mode: Mode, reply: Reply) -> Signals:
    """The free signals of a reply: the retriever's score and the mean log-probability, where they are known.

    Args:
        evidence: the row.
        mode: "rag" if its passages were shown.
        reply: the model's reply.

    Example:
        >>> row = Evidence(Question("1", "Who?"), (Passage("p", "Winkler did.", score=7.5),))
        >>> told(row, "rag", Reply("Winkler", logprob=-0.25)), told(row, "closed_book", Reply("Winkler"))
        ((('retriever_score', 7.5), ('logprob', -0.25)), ())
    """
    found = {"retriever_score": evidence.best_score if mode == "rag" else None, "logprob": reply.logprob}
    return tuple((name, value) for name, value in found.items() if value is not None)


def _probability(logprobs: Sequence[float]) -> float:
    """The probability of any of several openings, none of which is a prefix of another."""
    return min(1.0, math.fsum(map(math.exp, logprobs)))


PROMPTED = PromptAnswerer()
"""The default answerer, with the prompts that models are trained with."""


def answerer_identity(name: str, templates: Sequence[str], *keys: Any) -> str:
    """The identity of an answerer: it differs between answerers, and changes with their templates and options.

    Args:
        name: a readable name.
        templates: patterns of the templates that the answerer fills.
        keys: values that decide its answers, or option objects of a method.

    Example:
        >>> PromptAnswerer().identity.partition("/")[0], PromptAnswerer() == PromptAnswerer(rag="candidates/rag_1")
        ('prompt', False)
    """
    return f"{name}/{fingerprint([templates_hash(templates), *map(_decisive, keys)])}"


def _decisive(keys: Any) -> str:
    """A value, or the options that differ from their defaults, so that adding an option keeps old identities."""
    if not dataclasses.is_dataclass(keys):
        return repr(keys)
    usual = defaults(keys)
    found = {name: value for name, value in deciding(keys, "replies").items() if value != usual[name]}
    return repr(sorted(found.items()))


def single_prompt(
    question: str, passages: Sequence[Passage] = (), mode: Mode = "rag", answerer: Answerer = PROMPTED
) -> tuple[Message, ...]:
    """The prompt of a question, for training on it, showing it or exporting it.

    Args:
        question: text of the question.
        passages: the passages to show, best first.
        mode: "rag" shows the passages, "closed_book" does not.
        answerer: the answerer that makes the prompt.

    Raises:
        UserError: if the answerer needs several calls and has no single prompt.

    Example:
        >>> single_prompt("Who?", [Passage("1", "Winkler did.")])[0]["content"].splitlines()[0]
        '[1] Winkler did.'
    """
    found = answerer.prompt(Evidence(Question("", question), tuple(passages)), mode)
    if found is None:
        name = answerer.identity.partition("/")[0]
        raise UserError(f"{name} asks a question in several calls and has no single prompt", "use another method")
    return found
