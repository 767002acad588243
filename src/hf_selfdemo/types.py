"""Every value that travels between the rooms of the package, on one page.

A *question* meets a retriever and becomes *evidence*; a strategy turns evidence into *requests*; a generator
answers with *candidates*; a judge gives each a *verdict*; the strategy picks one *demonstration*, or says why it
*skipped* the row. Evaluation turns the same evidence into *predictions*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Message = dict[str, str]
"""One chat turn, ``{"role": ..., "content": ...}``, as `tokenizer.apply_chat_template` takes it."""

Label = Literal["correct", "incorrect", "abstain", "unscored"]
"""What a judge says of a text. *unscored* (empty reply, unreadable verdict) is never counted as a score."""

Source = Literal["rag", "closed_book", "refusal", "gold"]
"""Where a text came from: written with the passages, without them, asked to refuse, or the gold answer itself."""


Mode = Literal["rag", "closed_book"]
"""Whether a prompt shows the passages."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that may hold the answer; `score` is the retriever's, higher is better."""

    id: str
    text: str
    title: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Question:
    """A question with every accepted answer; no answers means that nothing is known to be right.

    `passages` came with the question (KILT/DPR/SQuAD style) and `gold_ids` name the passages known to hold the answer.
    `answerable` is about the corpus: False when nothing in it answers the question.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    gold_ids: tuple[str, ...] = ()
    answerable: bool = True
    source: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question and the passages shown with it, best first.

    `answer_in_context`: some passage holds an accepted answer. `gold_removed`: this is the leave-gold-out twin, from
    which every such passage was masked on purpose.
    """

    question: Question
    passages: tuple[Passage, ...] = ()
    answer_in_context: bool = False
    gold_removed: bool = False

    @property
    def id(self) -> str:
        """Unique per row: twins share a question but not an id."""
        return self.question.id + ("#gold_removed" if self.gold_removed else "")


@dataclass(frozen=True, slots=True)
class Request:
    """One text to be written. Requests with the same non-empty `share` key begin with the same tokens (a hint)."""

    id: str
    messages: tuple[Message, ...]
    source: Source
    prompt: str
    temperature: float = 0.0
    max_new_tokens: int = 32
    seed: int = 0
    share: str = ""


@dataclass(frozen=True, slots=True)
class Candidate:
    """What the model wrote for a request. `finish_reason`: "stop" (the model ended its turn) or "length" (cut off)."""

    text: str
    source: Source
    prompt: str
    finish_reason: str = "stop"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's word on one candidate, with the reason in a few words."""

    label: Label
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One training row: `response` is to be learnt under the with-passages prompt of `evidence`.

    `outcome` is "answer" or "abstain"; `source` says which kind of candidate won, whatever the training prompt;
    `rejected` is a worse text for preference training, empty if there is none. `mode` "closed_book" marks the few rows
    that are trained without passages, to keep what the model says there.
    """

    evidence: Evidence
    response: str
    outcome: Literal["answer", "abstain"]
    source: Source
    rejected: str = ""
    mode: Mode = "rag"


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a row became no demonstration. Counted by reason in the manifest, so that no row vanishes unnamed."""

    reason: str


@dataclass(frozen=True, slots=True)
class Prediction:
    """One evaluated reply. `mode` is "rag" (passages shown) or "closed_book"."""

    id: str
    mode: Mode
    text: str
    label: Label
    answerable: bool
    answer_in_context: bool
    source: str = ""


@dataclass(slots=True)
class Usage:
    """What generation cost, in model calls and tokens; `cached_tokens` were reused instead of prefilled again."""

    calls: int = 0
    prompt_tokens: int = 0
    prefilled_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    by_source: dict[str, int] = field(default_factory=dict)
