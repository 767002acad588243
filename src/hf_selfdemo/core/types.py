"""All values that the layers of the package exchange, on one page.

A retriever turns a *question* into *evidence*. A strategy asks a generator about it (*requests* and *replies*) and gets
*candidates*. A judge gives each candidate a *verdict*. The strategy picks *demonstrations*, or says why it *skips* the
row. Evaluation turns the same evidence into *answers* and, after judging, into *predictions*.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, SHARE, SHARE_BELOW_ONE
from hf_selfdemo.core.wellformed import well_formed

T = TypeVar("T")

Message = dict[str, str]
"""One chat turn, ``{"role": ..., "content": ...}``, as `tokenizer.apply_chat_template` takes it."""

Label = Literal["correct", "incorrect", "abstain", "unscored"]
"""A judge's label for a text. *unscored* (an empty reply or an unreadable verdict) does not enter any metric."""

FinishReason = Literal["stop", "length", "error"]
"""How a reply ended."""

Source = Literal["rag", "closed_book", "refusal", "gold"]
"""How a text was made: with the passages, without them, on the request to abstain, or the gold answer itself."""


Mode = Literal["rag", "closed_book"]
"""Whether a prompt shows the passages."""

GOLD_REMOVED, CLOSED_BOOK = "#gold_removed", "#closed_book"
"""The endings of ids of derived rows: counterfactual twins, and rows that keep a closed-book reply."""

FURTHER = re.compile(r"#(closed_book|row_[0-9]+)$")
"""The endings of ids of further rows of one question: `#closed_book`, or `#row_2`, `#row_3` and so on."""

FURTHER_PAIR = re.compile(r"#pair_[0-9]+$")
"""The endings of ids of further pairs of one row, if each pair is its own row: `#pair_2` and so on."""

RESERVED = re.compile(f"{GOLD_REMOVED}$|{FURTHER.pattern}|{FURTHER_PAIR.pattern}")
"""The endings that the id of a question must not have."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that may contain the answer. `score` is the retriever's: higher is better, 0.0 means no score."""

    id: str
    text: str
    title: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Document:
    """A text that is split into passages. `markdown` says whether it has Markdown headings."""

    id: str
    text: str
    title: str = ""
    markdown: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question with all accepted answers. No answers means that no correct answer is known.

    `passages` are those that came with the question (as in KILT, DPR and SQuAD). `gold_ids` are the ids of passages
    that are known to contain the answer, or of the documents that these are pieces of. `answerable` is False if nothing
    in the corpus answers the question.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    gold_ids: tuple[str, ...] = ()
    answerable: bool = True
    source: str = ""

    def is_gold(self, passage: Passage) -> bool:
        """Whether `gold_ids` has the id of the passage, or of the document that it is a piece of (`ID#...`)."""
        return any(passage.id == gold or passage.id.startswith(gold + "#") for gold in self.gold_ids)


@dataclass(frozen=True, slots=True)
class Evidence:
    """A question and its retrieved passages, best first.

    `answer_in_context`: a passage contains an accepted answer. `gold_removed`: this is the counterfactual twin, from
    which all such passages were removed.
    """

    question: Question
    passages: tuple[Passage, ...] = ()
    answer_in_context: bool = False
    gold_removed: bool = False

    @property
    def id(self) -> str:
        """Unique per row: twins share a question but not an id."""
        return self.question.id + (GOLD_REMOVED if self.gold_removed else "")

    @property
    def best_score(self) -> float | None:
        """The retriever's score of the best passage, or None if no passage has a score."""
        scores = [passage.score for passage in self.passages]
        return max(scores) if any(scores) else None


@dataclass(frozen=True, slots=True)
class Request:
    """One call to the model. Normally it writes a reply of up to `max_new_tokens` tokens.

    `stage` is the purpose of the call, for usage statistics only. These fields change what the call does:

    - `choices`: nothing is written. The reply is the choice that most likely comes next. Choices must differ in their
      first token.
    - `scored`: nothing is written. The reply's only score is this text's mean log-probability per token, as the reply.
    - `openings`: nothing is written. The reply's scores are the log-probabilities that it begins with each of these
      texts, encoded like a training target.
    - `contrasted`: nothing is written. The reply's scores say for each word of this text (as `str.split` gives them)
      how much its prediction changes between the early layers and the last layer, with the text as the reply.
    - `avoid`: the reply does not begin with any of these texts. Tokens, capitals, blanks and the kind of apostrophe do
      not matter.
    - `tokens`: the reply also has the ids and log-probabilities of the tokens that were written or scored.
    - `begun`: the model continues these segments as the beginning of its reply.
    - `added`: control tokens that a method has added. Trusted segments and choices may contain them, they are kept in
      the reply's text, and the reply has their log-probabilities.

    Servers support only `choices` of these. `share` and `keep` are hints for caching and do not change replies:
    requests with the same non-empty `share` key have a long common beginning, and a later request continues the reply
    of a request with `keep`.
    """

    id: str
    messages: tuple[Message, ...]
    stage: str
    temperature: float = 0.0
    max_new_tokens: int = 32
    seed: int = 0
    choices: tuple[str, ...] = ()
    share: str = ""
    keep: bool = False
    scored: str = ""
    openings: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    contrasted: str = ""
    tokens: bool = False
    begun: tuple[Segment, ...] = ()
    added: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Check the values, since a generator would misread invalid ones or write nothing."""
        NOT_NEGATIVE.check(temperature=self.temperature)
        ONE_OR_MORE.check(max_new_tokens=self.max_new_tokens)
        if self.contrasted and not self.contrasted.strip():
            raise UserError("contrasted is a blank text", "give a text with words")
        for name in ("openings", "avoid"):
            if not all(text.strip() for text in getattr(self, name)):
                raise UserError(f"{name} contains a blank text, with which every reply begins", "remove the blank text")


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a request, and its cost in tokens.

    - `finish_reason`: "stop" (the model ended its turn, or chose), "length" (truncated), or "error" (the request
      failed; `error` says why, and there is no text).
    - `scores`: the log-probabilities of the request's choices or openings, in order, if the generator has them; that of
      a scored text; or for a `contrasted` text, the Jensen-Shannon divergence of each word in nats.
    - `logprob`: the mean log-probability per written token, including the stop token; None if it is unknown.
    - `tokens`: id and log-probability of each token that was written or scored, if the request asks for them.
    - `added`: pairs of a position among the written tokens and the log-probabilities of the request's `added` tokens
      there. The positions are the first one and each at which an added token was written.
    - `prompt_tokens`: the number of tokens of the prompt and of scored texts. `cached_tokens`: how many of them were
      taken from a cache.
    - `raw`: the whole text, if thoughts were removed from `text`.
    - `left_out`: the sampling parameters that a server rejected and that were left out.

    Log-probabilities are the model's own, before temperature and avoided openings are applied.
    """

    text: str
    finish_reason: FinishReason = "stop"
    scores: tuple[float, ...] = ()
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    error: str = ""
    raw: str = ""
    left_out: tuple[str, ...] = ()
    logprob: float | None = None
    tokens: tuple[tuple[int, float], ...] = ()
    added: tuple[tuple[int, tuple[float, ...]], ...] = ()

    def __post_init__(self) -> None:
        """Replace lone surrogates in the texts, since no file can store them."""
        for name in ("text", "error"):
            object.__setattr__(self, name, well_formed(getattr(self, name)))


Dialogue: TypeAlias = Generator[Sequence[Request], list[Reply], T]
"""A conversation with the model as a Python generator. It yields requests, receives their replies in the same order,
and returns its result at the end. The caller (`conversation.converse`) decides which dialogues run at the same time."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may become a demonstration, with its source, its prompt and its finish reason.

    `question` is the question that it answers, if a method has rewritten it. `logprob` is its mean log-probability per
    token, if the text was scored rather than written.
    """

    text: str
    source: Source
    prompt: str
    finish_reason: FinishReason = "stop"
    question: str = ""
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's label for one candidate, with a short reason.

    `place` is the candidate's place in a tournament: 1 is the winner, 2 lost the final, 3 the round before it, and so
    on. 0 means that it did not take part, or that there was no tournament.
    """

    label: Label
    reason: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class Critique:
    """A critic's score for one reply, from 0 to 1, and a message to the model; "" if the critic is satisfied."""

    score: float
    message: str = ""

    def __post_init__(self) -> None:
        """Check the values, since a score out of range would outweigh all other critics."""
        SHARE.check(score=self.score)
        if not isinstance(self.message, str):
            raise UserError(f"message is a {type(self.message).__name__}, not a text", "give a text")


@dataclass(frozen=True, slots=True)
class Rejected:
    """The rejected text of a preference pair, and its label, or "gold" for the gold answer itself."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a training row.

    `loss` says whether its tokens have a loss. `noise` is the share of its input tokens that are replaced by random
    ones; the labels stay those of the text. A `trusted` segment consists only of control tokens that its method has
    added. No other text can become one of these tokens.
    """

    text: str
    loss: bool = True
    noise: float = 0.0
    trusted: bool = False

    def __post_init__(self) -> None:
        """Check the values, since nothing could be learnt if all tokens were replaced."""
        SHARE_BELOW_ONE.check(noise=self.noise)
        if self.trusted and self.noise:
            raise UserError("a trusted segment has noise", "use noise only for texts, not for control tokens")


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a retriever is trained on besides a row's passages, of which only the first contains the answer.

    `questions` are other forms of the question, and `windows` are shortened texts of the passages. `likelihoods` are
    the answer's mean log-probabilities per token, given each passage alone; empty if they were not measured.
    """

    questions: tuple[str, ...]
    windows: tuple[str, ...]
    likelihoods: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One training row: the model is trained to write `response` for the prompt of `evidence` with its passages.

    - `outcome`: "answer" or "abstain".
    - `source`: the source of the chosen candidate, whatever the training prompt is.
    - `verified`: False if an answer won a tournament but was not found correct.
    - `rejected`: the texts that make preference pairs with `response`.
    - `mode`: "closed_book" for the few rows that are trained without passages, to preserve the model's replies there.
    - `suffix`: the ending of the row's id; "" for the first demonstration of a question, unique for each further one
      (`FURTHER`).
    - `group`: the group that `Strategy.arrange` gets; the default is the outcome.
    - `kind`: how the row is trained (`training.row_kinds`). A row that is not a reply to its question has `segments`,
      or a `ranking` if it trains a retriever.
    """

    evidence: Evidence
    response: str
    outcome: Literal["answer", "abstain"]
    source: Source
    verified: bool = True
    rejected: tuple[Rejected, ...] = ()
    mode: Mode = "rag"
    suffix: str = ""
    group: str = ""
    kind: str = ""
    segments: tuple[Segment, ...] = ()
    ranking: Ranking | None = None

    def __post_init__(self) -> None:
        """Check the suffix, since with another one the row could have the id of another question."""
        if self.suffix and not FURTHER.fullmatch(self.suffix):
            raise UserError(f"suffix is {self.suffix!r}", "write '#row_2', '#row_3' and so on, or '#closed_book'")

    @property
    def id(self) -> str:
        """Unique per row: demonstrations of one question share the evidence but not an id."""
        return self.evidence.id + self.suffix


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a row has no demonstration. The manifest counts skipped rows by reason.

    `detail` is about this row only and is not counted.
    """

    reason: str
    detail: str = ""


CALL_FAILED = "a call failed; the same command asks again"
"""The reason of a row that was skipped because a call failed."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row with its candidates, their verdicts, and its demonstrations or the reason why there is none."""

    evidence: Evidence
    candidates: list[Candidate]
    verdicts: list[Verdict]
    result: Sequence[Demonstration] | Skip


Signals: TypeAlias = tuple[tuple[str, float], ...]
"""Signals for or against an answer, by name: the retriever's score, the probability of a refusal, and so on. An unknown
signal is missing; no value stands for "unknown"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A model's answer to a question, after one or several calls.

    `confidence` is higher if the model is more confident, on its own scale; None if it was not asked for. `signals` are
    the values that a confidence can be computed from. `passages` are the passages that were shown, if they differ from
    the row's. `trace` has the intermediate texts in order, each with a name. If the model abstained and was then made
    to answer, `withheld` is that answer: what it would say if the user wanted fewer abstentions.
    """

    text: str
    finish_reason: FinishReason = "stop"
    confidence: float | None = None
    passages: tuple[Passage, ...] | None = None
    trace: tuple[tuple[str, str], ...] = ()
    signals: Signals = ()
    withheld: Answer | None = None


@dataclass(frozen=True, slots=True)
class Prediction:
    """One evaluated answer. `mode` is "rag" (with passages) or "closed_book".

    `confidence`, `trace` and `signals` are as in `Answer`. `withheld` is the withheld answer with its own label.
    """

    id: str
    mode: Mode
    text: str
    label: Label
    answerable: bool
    answer_in_context: bool
    source: str = ""
    confidence: float | None = None
    trace: tuple[tuple[str, str], ...] = ()
    signals: Signals = ()
    withheld: Prediction | None = None


COUNTS = ("calls", "prompt_tokens", "cached_tokens", "generated_tokens")
"""The fields of `Usage` that tables show, in this order."""


@dataclass(slots=True)
class Usage:
    """The cost of calls: their number and tokens.

    `thoughts_cut` counts the replies from which thoughts were removed. `left_out` counts, by parameter, the replies
    that were written without it.
    """

    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    generated_tokens: int = 0
    thoughts_cut: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    by_stage: dict[str, Usage] = field(default_factory=dict)

    @property
    def prefilled_tokens(self) -> int:
        """The number of prompt tokens that were run through the model: all without the cached ones."""
        return self.prompt_tokens - self.cached_tokens

    def add(self, stage: str, reply: Reply) -> None:
        """Count one call."""
        for usage in (self, self.by_stage.setdefault(stage, Usage())):
            usage.calls += 1
            usage.prompt_tokens += reply.prompt_tokens
            usage.cached_tokens += reply.cached_tokens
            usage.generated_tokens += reply.generated_tokens
            usage.thoughts_cut += bool(reply.raw)
            for name in reply.left_out:
                usage.left_out[name] = usage.left_out.get(name, 0) + 1

    def __add__(self, other: Usage) -> Usage:
        """The sum of both, also by stage."""
        stages = {*self.by_stage, *other.by_stage}
        return Usage(
            self.calls + other.calls,
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.generated_tokens + other.generated_tokens,
            self.thoughts_cut + other.thoughts_cut,
            dict(Counter(self.left_out) + Counter(other.left_out)),
            {s: self.by_stage.get(s, Usage()) + other.by_stage.get(s, Usage()) for s in sorted(stages)},
        )
