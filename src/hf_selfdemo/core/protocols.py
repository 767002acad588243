"""The six contracts, on one page. Implementations need not inherit from them; they only need the members.

Retrievers and generators work on batches: they take a sequence and return as many results. Strategies, answerers and
judges have *dialogues* with the model. A dialogue is a Python generator that yields requests and receives replies. So
methods with one call and with five calls have the same form, and `conversation.converse` can run many rows at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import (
    Answer,
    Candidate,
    Critique,
    Demonstration,
    Dialogue,
    Evidence,
    Message,
    Mode,
    Passage,
    Question,
    Reply,
    Request,
    Skip,
    Verdict,
)


@runtime_checkable
class Retriever(Protocol):
    """Finds passages for questions."""

    def retrieve(self, questions: Sequence[Question], k: int) -> list[tuple[Passage, ...]]:
        """Return at most `k` passages per question, best first, ties in a fixed order, and no passage twice.

        `k` may be larger than the corpus. Questions may consist of stop words or have non-ASCII characters. A question
        without matches gets an empty tuple. Raises ValueError if `k` < 1.
        """
        ...


@runtime_checkable
class Generator(Protocol):
    """Writes texts. `identity` identifies all that affects them besides the request: engine, weights, chat template."""

    @property
    def identity(self) -> str: ...

    @property
    def concurrency(self) -> int:
        """How many threads may call `stream` at once; 1 for a generator that makes its own batches."""
        ...

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        """Answer every request once, and yield its index and reply as soon as it is finished, in any order.

        A reply must not depend on the other requests of the call (up to rounding). A request that cannot be answered
        gets a reply with `finish_reason` "error". This includes requests with `openings`, `scored`, `contrasted`,
        `tokens`, `added`, `avoid` or `begun`, if the generator does not support them. Raise only errors that affect all
        requests.
        """
        ...


@runtime_checkable
class Judge(Protocol):
    """Compares candidates with the gold answers."""

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        """Give each candidate a verdict. A text that cannot be judged is *unscored*: do not guess or raise an error.

        A judge without a model returns without yielding.
        """
        ...

    def report(self) -> dict[str, Any]:
        """Statistics of the judge's work so far, for the manifest; empty if there are none."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """Decides what to ask the model and which reply to train on. It must not do input or output, or import torch."""

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        """Ask the model for candidates. No prompt may show a gold answer. It may return without a call."""
        ...

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        """Turn judged candidates into one or several demonstrations, or return the reason why there is none.

        The first demonstration has no `suffix`. Each further one has its own.
        """
        ...

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        """Choose over the whole set, after all rows are selected: which demonstrations or pairs to leave out, and why.

        In the first call, `groups` has the group of each demonstration, in order. If the kept demonstrations have
        pairs, there is a second call, in which `groups` has the kind of each pair, such as "answer over incorrect": the
        outcome over the label of the rejected text. Returns the reasons by index in `groups`; an empty mapping leaves
        out nothing. The reason may be "" only for a further row of a question. The same groups and seed must give the
        same result.
        """
        ...


@runtime_checkable
class Answerer(Protocol):
    """Asks a model a question and makes an answer from its replies. It must not do input or output, or import torch."""

    @property
    def identity(self) -> str:
        """Its name, and a fingerprint over templates and options, which affect its answers besides the generator."""
        ...

    @property
    def most_calls(self) -> int:
        """The most requests for one question."""
        ...

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        """Ask about a row. No request may contain a gold answer. In the mode "closed_book", none may show a passage."""
        ...

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...] | None:
        """The prompt of a row if there is only one, as it is used in training; otherwise None."""
        ...


@runtime_checkable
class Critic(Protocol):
    """Says in words what is wrong with a reply. It must not do input or output, import torch, or ask a model."""

    @property
    def needs_gold(self) -> bool:
        """Whether it uses the gold answers, or whether the passages contain one.

        Such a critic is used in training and scoring, but never to answer a question. Other critics do not get gold
        answers.
        """
        ...

    def critique(self, evidence: Evidence, text: str) -> Critique:
        """Score a reply to a row. The same row and text must give the same critique. It must not raise errors.

        The message is shown to the model. It has complete sentences that say what to fix.
        """
        ...


def check_contract(given: Any, contract: type, role: str) -> None:
    """Check that an implementation has all members of its contract, before any call is made.

    Args:
        given: the implementation.
        contract: one of the six contracts.
        role: its name in the message.

    Raises:
        UserError: naming the missing members.

    Example:
        >>> check_contract("match", Judge, "judge")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: the judge is a str and has no judge, report: add the members ...
    """
    if isinstance(given, type):
        what = f"the {role} is the class {given.__name__}, not an object of it"
        raise UserError(what, f"give an object: {given.__name__}(...)")
    members = [name for name in vars(contract) if not name.startswith("_")]
    if missing := [name for name in members if not hasattr(given, name)]:
        what = f"the {role} is a {type(given).__name__} and has no {', '.join(missing)}"
        raise UserError(what, f"add the members that protocols.{contract.__name__} lists")
