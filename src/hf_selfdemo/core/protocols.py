"""The six contracts, on one page. Implementations need not inherit: having the members is enough.

Retrievers and generators are batch-first: a sequence goes in, as many results come out. Strategies, answerers and
judges hold *dialogues* with the model: Python generators that yield requests and are sent replies, so that a method
which asks once and one which asks five times look alike, and `conversation.converse` can run many rows beside each
other.
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
        """Return at most `k` passages a question, best first, ties in a fixed order, never one passage twice.

        `k` larger than the corpus, stop-word-only and non-ASCII questions are all legal; a question that matches
        nothing gets an empty tuple. Raises ValueError if `k` < 1.
        """
        ...


@runtime_checkable
class Generator(Protocol):
    """Writes texts. `identity` names all that decides them besides the request: engine, weights, chat template."""

    @property
    def identity(self) -> str: ...

    @property
    def concurrency(self) -> int:
        """How many threads may call `stream` at once; an engine that makes its own batches says 1."""
        ...

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[int, Reply]]:
        """Answer every request once and yield its place and reply as soon as it is done, in any order.

        A reply never depends on which other requests are in the call (up to rounding). An engine that cannot tell what
        `openings`, `scored`, `contrasted`, `tokens` or `added` ask for, or cannot `avoid` openings or go on from what
        is `begun`, answers such a request with an error. A request that cannot be answered gets a reply with
        `finish_reason` "error"; raising is for what stops all of them.
        """
        ...


@runtime_checkable
class Judge(Protocol):
    """Compares candidates with the gold answers."""

    def judge(self, evidence: Evidence, candidates: Sequence[Candidate]) -> Dialogue[list[Verdict]]:
        """Give each candidate a verdict. What cannot be judged is *unscored*; a judge never guesses nor raises for it.

        A judge that needs no model returns without yielding.
        """
        ...

    def report(self) -> dict[str, Any]:
        """Figures about its own work so far, for the manifest; empty if there is nothing to tell."""
        ...


@runtime_checkable
class Strategy(Protocol):
    """Knows what to ask the model and which reply to train on. No input or output, no torch."""

    def write(self, evidence: Evidence) -> Dialogue[list[Candidate]]:
        """Ask the model for candidates. No prompt may show a gold answer. May return without asking."""
        ...

    def select(
        self, evidence: Evidence, candidates: Sequence[Candidate], verdicts: Sequence[Verdict]
    ) -> Sequence[Demonstration] | Skip:
        """Turn judged candidates into one demonstration or several, or say why not.

        The first has no `suffix`, each further one has its own.
        """
        ...

    def arrange(self, groups: Sequence[str], seed: int) -> Mapping[int, str]:
        """Choose over the whole set, once all is selected: say which demonstrations or pairs to leave out, and why.

        First `groups` are those of all demonstrations in their order. Where those that are kept have pairs it is asked
        again, and `groups` are the kinds of these pairs: "answer over incorrect" and so on, the outcome over the label
        of what is rejected. The keys of what is returned are places in `groups`. The reason may be "" for a further row
        of a question; the first one, and a pair, is always named. The same groups and seed give the same; an empty
        mapping leaves out nothing.
        """
        ...


@runtime_checkable
class Answerer(Protocol):
    """Asks a model a question and makes an answer of its replies. No input or output, no torch."""

    @property
    def identity(self) -> str:
        """Its name, and a fingerprint over all that decides its answers besides the engine: templates and keys."""
        ...

    @property
    def most_calls(self) -> int:
        """How many requests one question may take."""
        ...

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        """Ask about a row. No request may hold a gold answer; without passages none may show any."""
        ...

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...] | None:
        """The only prompt that a row is asked under, as training shows it; None where there are several."""
        ...


@runtime_checkable
class Critic(Protocol):
    """Says in words what is wrong with a reply. No input or output, no torch, no model."""

    @property
    def needs_gold(self) -> bool:
        """Whether it looks at accepted answers, or at whether the passages hold one.

        Such a critic trains and scores, and is never used where a question is answered. To any other critic these are
        not shown.
        """
        ...

    def critique(self, evidence: Evidence, text: str) -> Critique:
        """Score a reply to a row with these passages. The same row and text give the same. Raises for nothing.

        The message is a text that the model is shown: whole sentences that say what to fix.
        """
        ...


def check_contract(given: Any, contract: type, role: str) -> None:
    """Refuse what lacks a member of its contract before anything is asked or paid for.

    Args:
        given: an implementation.
        contract: one of the six.
        role: what it is called in the message.

    Raises:
        UserError: naming what is missing.

    Example:
        >>> check_contract("match", Judge, "judge")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: the judge is a str and has no judge, report: give it what ...
    """
    if isinstance(given, type):
        raise UserError(f"the {role} is the class {given.__name__}", f"make one of it: {given.__name__}(...)")
    members = [name for name in vars(contract) if not name.startswith("_")]
    if missing := [name for name in members if not hasattr(given, name)]:
        what = f"the {role} is a {type(given).__name__} and has no {', '.join(missing)}"
        raise UserError(what, f"give it what protocols.{contract.__name__} lists")
