"""LaGR-SEQ (Karimpanal et al. 2023, arXiv 2308.13542), the second half: answer expensively only where it pays.

In the paper an agent learns when to query a language model for the rest of a pattern. Here the cheap answer is the
model's closed-book answer, and the expensive answer is one with passages.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.loading import load
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.ranges import ONE_OR_MORE, Range, check_keys
from hf_selfdemo.core.types import Answer, Dialogue, Evidence, Message, Mode, Request
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.answering import PromptAnswerer, answerer_identity, told
from hf_selfdemo.methods.gate import Gate, Reward
from hf_selfdemo.methods.method import Chosen, Method


@dataclass(frozen=True)
class Gating:
    """Options for the expensive way of answering and for fitting the gate.

    Raises:
        UserError: for a number out of range or an unknown reward.
    """

    gate_asks: str = key(
        "prompt",
        "the expensive way of answering: prompt (one call with the passages), or a method that trains nothing, such as "
        "active_rag, with its default options",
        "replies",
    )
    gate_reward: Reward = key(
        "right",
        "reward for asking: right (the paper's: 1 if the expensive answer is correct, else -1), or gain (1 if only the "
        "expensive answer is correct, -1 if only the cheap one is, else 0)",
        "replies",
    )
    gate_bins: int = key(
        2,
        "number of bins of each score, split at quantiles of the dev questions",
        "replies",
        Range("give 1 to 10", 1, 10, whole=True),
    )
    gate_passes: int = key(10, "number of passes over the recorded outcomes", "replies", ONE_OR_MORE)

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)


@dataclass(frozen=True)
class Gated:
    """Answers closed-book first, and then the expensive way if the gate says that it pays.

    Without a gate it always answers the expensive way. A skipped question keeps its closed-book answer. The trace has
    the closed-book answer and the decision. In closed-book mode there is only the closed-book answer.

    Args:
        gating: options, which name the expensive way.
        max_answer_tokens: longest answer, in tokens.
        seed: seed of the sampling in the expensive way.
        gate: a gate that was fitted on outcomes of the same two ways.

    Raises:
        UserError: if `gate_asks` names no way of answering, or `max_answer_tokens` is below 1.

    Example:
        >>> Gated().identity.partition("/")[0], Gated().most_calls, Gated(Gating("active_rag")).most_calls
        ('lagr_seq', 2, 10)
    """

    gating: Gating = field(default_factory=Gating)
    max_answer_tokens: int = 32
    seed: int = 0
    gate: Gate | None = None

    def __post_init__(self) -> None:
        _ = self.cheap, self.full  # raises an error for a wrong name or length before any call

    @cached_property
    def cheap(self) -> PromptAnswerer:
        """The answerer of the closed-book answer."""
        return PromptAnswerer(self.max_answer_tokens)

    @cached_property
    def full(self) -> Answerer:
        """The answerer of the expensive answer."""
        name = self.gating.gate_asks
        if name == "prompt":
            return self.cheap
        method: Method = load("method", name, METHODS)
        if method.trains or method.gated or method.answerer is None:
            raise UserError(f"gate_asks is {name!r}, which needs training or a gate", "set it to prompt or active_rag")
        return Chosen(name, method, tuple(group() for group in method.keys)).answerer(self.max_answer_tokens, self.seed)

    @property
    def most_calls(self) -> int:
        return 1 + self.full.most_calls

    @property
    def identity(self) -> str:
        gate = sorted(self.gate.record().items()) if self.gate else None
        return answerer_identity("lagr_seq", [], self.cheap.identity, self.full.identity, gate)

    def prompt(self, evidence: Evidence, mode: Mode) -> tuple[Message, ...] | None:
        return self.cheap.prompt(evidence, mode) if mode == "closed_book" else None

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        prompt = self.cheap.prompt(evidence, "closed_book")
        [own] = yield [Request(f"{evidence.id}/own", prompt, "own answer", max_new_tokens=self.max_answer_tokens)]
        kept = Answer(own.text, own.finish_reason, signals=told(evidence, mode, own))
        if mode == "closed_book":
            return kept
        state = self.gate.state(evidence, own.logprob) if self.gate else ""
        asks = self.gate is None or self.gate.asks(state)
        trace = (("own answer", own.text), ("gate", f"{'asks' if asks else 'skips'} {state}".strip()))
        if not asks:
            return replace(kept, trace=trace)
        full = yield from self.full.answer(evidence, mode)
        return replace(full, confidence=None, trace=(*trace, *full.trace))  # not comparable with skipped questions


METHOD = Method(keys=(Gating,), answerer=Gated, gated=True)
