"""How a model is asked a question: in one call under the prompt of the mode, unless a method has a way of its own.

Training, evaluation, cards and exports take the prompt from here.
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
    """One greedy call under the template of the mode; with passages, if wanted, more that tell how sure the model is.

    Every answer has the signals that cost nothing: the best passage's score, and the mean log-probability of what was
    written. With `openings` it has the probability of a refusal, too, at the cost of a few tokens, since the prompt's
    states are there. With `withheld` a model that abstains is asked once more, and may not begin so. Where an engine
    can do neither the answer is the same, without them. None of this changes the answer, nor its request.

    Args:
        max_answer_tokens: longest reply.
        rag: template of the prompt with passages.
        closed_book: template of the prompt without.
        openings: how refusals begin (`methods.openings`); none are not asked for.
        withheld: whether to ask for an answer, too, where the model abstains.

    Raises:
        UserError: if `max_answer_tokens` is below 1, an opening is the beginning of another, or `withheld` is asked for
            without any.

    Relations: models are trained under the same prompts.

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
            raise UserError(f"the opening {both[1]!r} begins with {both[0]!r}", "give the shorter one alone")
        if self.withheld and not self.openings:
            raise UserError("withheld answers are those that do not begin as refusals do", "give openings")

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
        """The same request for a reply that begins neither as refusals do nor as this one."""
        known = any(begins_with(reply.text, opening) for opening in self.openings)
        own = " ".join(reply.text.split()[:_OWN_WORDS])
        avoid = self.openings if known or not own else (*self.openings, own)
        return replace(request, id=f"{request.id}/withheld", stage=WITHHELD, avoid=avoid)

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...]:
        if mode == "closed_book":
            return render(self.closed_book, evidence.question.text)
        return render(self.rag, evidence.question.text, evidence.passages)

    def template(self) -> str:
        """The with-passages prompt as one jinja2 template: `passages` (each with `title` and `text`, best first) and
        `question` are filled in, with `trim_blocks` and `lstrip_blocks`.

        Example:
            >>> PromptAnswerer().template().splitlines()[-2]
            'Question: {{ question }}'
        """
        passages = (TEMPLATES / "passages.txt").read_text(encoding="utf-8").rstrip("\n")
        whole = (TEMPLATES / f"{self.rag}.txt").read_text(encoding="utf-8")
        return whole.replace('{% include "passages.txt" %}', passages)


REFUSAL, WITHHELD = "refusal_signal", "withheld"
"""Stages of what is asked besides the answer."""

_OWN_WORDS = 3
"""First words of a refusal that its withheld answer does not begin with, where no opening tells them."""


def told(evidence: Evidence, mode: Mode, reply: Reply) -> Signals:
    """The signals that cost nothing: of the passages, and of what was written. Those that nobody told are not there.

    Args:
        evidence: the row.
        mode: whether its passages were shown.
        reply: what was written.

    Example:
        >>> row = Evidence(Question("1", "Who?"), (Passage("p", "Winkler did.", score=7.5),))
        >>> told(row, "rag", Reply("Winkler", logprob=-0.25)), told(row, "closed_book", Reply("Winkler"))
        ((('retriever_score', 7.5), ('logprob', -0.25)), ())
    """
    found = {"retriever_score": evidence.best_score if mode == "rag" else None, "logprob": reply.logprob}
    return tuple((name, value) for name, value in found.items() if value is not None)


def _probability(logprobs: Sequence[float]) -> float:
    """Of any of several openings, none of which is the beginning of another."""
    return min(1.0, math.fsum(map(math.exp, logprobs)))


PROMPTED = PromptAnswerer()
"""The usual way, under the prompts that models are trained with."""


def answerer_identity(name: str, templates: Sequence[str], *keys: Any) -> str:
    """What an answerer calls itself: another one, or one with other words or keys, has another identity.

    Args:
        name: for people.
        templates: patterns of the templates that it fills.
        keys: values that decide its answers, or objects of a method's own keys.

    Example:
        >>> PromptAnswerer().identity.partition("/")[0], PromptAnswerer() == PromptAnswerer(rag="candidates/rag_1")
        ('prompt', False)
    """
    return f"{name}/{fingerprint([templates_hash(templates), *map(_decisive, keys)])}"


def _decisive(keys: Any) -> str:
    """A value, or those of a method's keys that are set: a key that is added and left alone changes no identity."""
    if not dataclasses.is_dataclass(keys):
        return repr(keys)
    usual = defaults(keys)
    found = {name: value for name, value in deciding(keys, "replies").items() if value != usual[name]}
    return repr(sorted(found.items()))


def single_prompt(
    question: str, passages: Sequence[Passage] = (), mode: Mode = "rag", answerer: Answerer = PROMPTED
) -> tuple[Message, ...]:
    """The prompt under which a question is asked, for whoever shows it, trains on it or hands it to others.

    Args:
        question: its text.
        passages: shown with it, best first.
        mode: "rag" shows them, "closed_book" does not.
        answerer: how it is asked.

    Raises:
        UserError: if it is asked in several calls.

    Example:
        >>> single_prompt("Who?", [Passage("1", "Winkler did.")])[0]["content"].splitlines()[0]
        '[1] Winkler did.'
    """
    found = answerer.prompt(Evidence(Question("", question), tuple(passages)), mode)
    if found is None:
        name = answerer.identity.partition("/")[0]
        raise UserError(f"{name} asks a question in several calls, and has no single prompt", "use another method")
    return found
