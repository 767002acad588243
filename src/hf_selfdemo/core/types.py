"""Every value that travels between the rooms of the package, on one page.

A *question* meets a retriever and becomes *evidence*; a strategy asks a generator about it (*requests* and *replies*)
and so comes by *candidates*; a judge gives each a *verdict*; the strategy picks *demonstrations*, or says why it
*skipped* the row. Evaluation turns the same evidence into *answers* and, once they are judged, *predictions*.
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
"""What a judge says of a text. *unscored* (empty reply, unreadable verdict) is never counted as a score."""

FinishReason = Literal["stop", "length", "error"]
"""How a reply ended."""

Source = Literal["rag", "closed_book", "refusal", "gold"]
"""Where a text came from: written with the passages, without them, asked to refuse, or the gold answer itself."""


Mode = Literal["rag", "closed_book"]
"""Whether a prompt shows the passages."""

GOLD_REMOVED, CLOSED_BOOK = "#gold_removed", "#closed_book"
"""How the ids of rows end that are made of others: leave-gold-out twins, and rows that anchor a closed-book reply."""

FURTHER = re.compile(r"#(closed_book|row_[0-9]+)$")
"""How the ids of further rows of one question end: `#closed_book`, or `#row_2`, `#row_3` and so on."""

FURTHER_PAIR = re.compile(r"#pair_[0-9]+$")
"""How the ids of further pairs of one row end, where each pair is a row of its own: `#pair_2` and so on."""

RESERVED = re.compile(f"{GOLD_REMOVED}$|{FURTHER.pattern}|{FURTHER_PAIR.pattern}")
"""No id of a question may end so."""


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of text that may hold the answer; `score` is the retriever's, higher is better, 0.0 where it has none."""

    id: str
    text: str
    title: str = ""
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Document:
    """A text that passages are cut from; `markdown` says whether its headings are to be read as such."""

    id: str
    text: str
    title: str = ""
    markdown: bool = False


@dataclass(frozen=True, slots=True)
class Question:
    """A question with every accepted answer; no answers means that nothing is known to be right.

    `passages` came with the question (KILT/DPR/SQuAD style) and `gold_ids` name the passages known to hold the answer,
    or the documents that these are pieces of. `answerable` is about the corpus: False when nothing in it answers the
    question.
    """

    id: str
    text: str
    answers: tuple[str, ...] = ()
    passages: tuple[Passage, ...] = ()
    gold_ids: tuple[str, ...] = ()
    answerable: bool = True
    source: str = ""

    def is_gold(self, passage: Passage) -> bool:
        """Whether `gold_ids` name the passage, or the document that it is a piece of (`ID#...`)."""
        return any(passage.id == gold or passage.id.startswith(gold + "#") for gold in self.gold_ids)


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
        return self.question.id + (GOLD_REMOVED if self.gold_removed else "")

    @property
    def best_score(self) -> float | None:
        """The retriever's score of the best passage; None where no passage has one, as those of a question."""
        scores = [passage.score for passage in self.passages]
        return max(scores) if any(scores) else None


@dataclass(frozen=True, slots=True)
class Request:
    """One call to the model.

    `stage` says what the call is for and only serves the account. With `choices` nothing is written: the reply is the
    choice that the model finds likeliest to come next; choices must differ in their first token. With `scored`, a text,
    nothing is written either: the reply's only score is the mean log-probability of a token of it, were it the reply;
    servers do not tell that. With `openings` nothing is written: the reply's scores are the log-probabilities that it
    would begin with each of these texts, in the tokens in which the model would be taught to write it. With
    `contrasted`, a text, nothing is written: the reply's scores say for each of its words (as `str.split` gives them)
    how much the prediction of that word changes between the early layers and the last one, were the text the reply. A
    reply never begins with one of `avoid`, in whatever tokens, capitals, blanks and kinds of apostrophes. With `tokens`
    the reply holds the ids and log-probabilities of the tokens that were written or scored. With `begun` the model goes
    on from these segments as if it had begun its reply with them. `added` are control tokens that a method has added:
    trusted segments and choices hold them, the reply's text keeps those that were written, and the reply says how
    likely they were. Servers do none of this.

    `share` and `keep` are hints about cost and change no reply: requests with the same non-empty `share` key have much
    of their beginning in common, and after a request with `keep` another one will go on from its reply.
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
        """Whoever asks: an engine would take such numbers for others, or write nothing."""
        NOT_NEGATIVE.check(temperature=self.temperature)
        ONE_OR_MORE.check(max_new_tokens=self.max_new_tokens)
        if self.contrasted and not self.contrasted.strip():
            raise UserError("contrasted is a blank text", "give one with words")
        for name in ("openings", "avoid"):
            if not all(text.strip() for text in getattr(self, name)):
                raise UserError(f"{name} holds a blank text", "every reply begins so: leave it out")


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and what it cost in tokens.

    `finish_reason`: "stop" (the model ended its turn, or chose), "length" (cut off), or "error" (the engine gave up
    on this request; `error` says why, there is no text). `scores` are the log-probabilities of the request's
    choices or openings, in their order, where the engine can tell them, or that of the text to be scored; for a
    `contrasted` text they are Jensen-Shannon divergences in nats, one a word. `logprob` is the mean log-probability of
    a token of what was written, its stop token among them; None where nobody told it. `tokens` are these tokens, or
    those of the text to be scored, each with its id and log-probability, where the request asks for them. `added` holds
    the log-probabilities of the request's `added` tokens, in their order, behind the place among the written tokens at
    which they were measured: the first place, and each at which one of them was written.
    Log-probabilities are the model's own, before temperature and whatever was avoided. `prompt_tokens` are those of the
    prompt and of texts that were scored, `cached_tokens` those of them that were not computed again. `raw` is all that
    came, where `text` is but a part of it because the model's thoughts were cut. `left_out` names parameters of the
    sampling that a server refused and that the call went without.
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
        """Texts are well-formed, whoever wrote them: what half a character stands in can be kept in no file."""
        for name in ("text", "error"):
            object.__setattr__(self, name, well_formed(getattr(self, name)))


Dialogue: TypeAlias = Generator[Sequence[Request], list[Reply], T]
"""A conversation with the model as a Python generator: it yields requests, is sent their replies in the same order,
and in the end returns its result. Whoever drives it (`conversation.converse`) decides what runs beside what."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A text that may become a demonstration: where it came from, by which prompt, and how its writing ended.

    `question` is what it answers, where a method has rewritten that. `logprob` is the mean log-probability of a token
    of it, where it was measured and not written.
    """

    text: str
    source: Source
    prompt: str
    finish_reason: FinishReason = "stop"
    question: str = ""
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """A judge's word on one candidate, with the reason in a few words.

    `place` is the candidate's place in a tournament: 1 won, 2 was beaten in the final, 3 in the round before it, and so
    on; 0 did not take part, or there was none.
    """

    label: Label
    reason: str = ""
    place: int = 0


@dataclass(frozen=True, slots=True)
class Critique:
    """A critic's word on one reply: a score from 0 to 1, and what the model is told; "" if the critic is satisfied."""

    score: float
    message: str = ""

    def __post_init__(self) -> None:
        """Whoever makes it: a score out of range would outweigh those of all other critics."""
        SHARE.check(score=self.score)
        if not isinstance(self.message, str):
            raise UserError(f"message is a {type(self.message).__name__}", "give a text")


@dataclass(frozen=True, slots=True)
class Rejected:
    """A worse text of a preference pair, and what it is: its label, or "gold" for the gold answer itself."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of what a row trains: whether it has a loss, and the share of its tokens that are shown as others.

    Labels are those of the text itself whatever is shown. A `trusted` one consists of control tokens that its method
    has added, and of nothing else; no other text can become one of them.
    """

    text: str
    loss: bool = True
    noise: float = 0.0
    trusted: bool = False

    def __post_init__(self) -> None:
        """Whoever makes it: with all tokens replaced nothing would be left to learn from."""
        SHARE_BELOW_ONE.check(noise=self.noise)
        if self.trusted and self.noise:
            raise UserError("a trusted segment has noise", "noise is for texts: control tokens stay as they are")


@dataclass(frozen=True, slots=True)
class Ranking:
    """What a retriever learns from a row besides its passages, the first of which holds the answer and no other does.

    `questions` are the question in other forms, `windows` the text of each passage cut short. `likelihoods` are the
    mean log-probabilities of a token of the answer, given each passage alone; empty where nobody measured them.
    """

    questions: tuple[str, ...]
    windows: tuple[str, ...]
    likelihoods: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Demonstration:
    """One training row: `response` is to be learnt under the with-passages prompt of `evidence`.

    `outcome` is "answer" or "abstain"; `source` says which kind of candidate won, whatever the training prompt;
    `verified` is False where an answer won a tournament without being found correct. `mode` "closed_book" marks the few
    rows that are trained without passages, to keep what the model says there. Each text of `rejected` makes a
    preference pair. The first demonstration of a question has no `suffix`; each further one has its own (`FURTHER`),
    which is added to the row's id. `group` is what `Strategy.arrange` goes by; default is the outcome. `kind` says how
    the row is read (`training.row_kinds`); where it is not a reply to the question, `segments` are what is trained, or
    `ranking` is where no text is.
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
        """Whoever makes it: with another suffix the row's id could be that of another question."""
        if self.suffix and not FURTHER.fullmatch(self.suffix):
            raise UserError(f"suffix is {self.suffix!r}", "write '#row_2', '#row_3' and so on, or '#closed_book'")

    @property
    def id(self) -> str:
        """Unique per row: several of one question share the evidence but not an id."""
        return self.evidence.id + self.suffix


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a row became no demonstration. Counted by reason in the manifest, so that no row vanishes unnamed.

    `detail` is about this row alone, and not counted by.
    """

    reason: str
    detail: str = ""


CALL_FAILED = "a call failed; the same command asks again"
"""The reason of a row that could not be asked about."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row with all that was written for it, how it was judged, and the demonstrations that came of it."""

    evidence: Evidence
    candidates: list[Candidate]
    verdicts: list[Verdict]
    result: Sequence[Demonstration] | Skip


Signals: TypeAlias = tuple[tuple[str, float], ...]
"""What speaks for an answer or against it, as names and numbers: the retriever's score, the probability of a refusal,
and so on. A signal that nobody told is not there; it never has a value that stands for "unknown"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking a model a question, in as many calls as it took.

    `confidence` is higher where the model is surer, on a scale of its own; None where nobody asked. `signals` are what
    a confidence can be made of. `passages` are those that were really shown, where they are others than the row's.
    `trace` holds what was written on the way, in order, each text under a name. Where the model abstained and was then
    made to answer all the same, `withheld` is that answer: what it would say if the user wanted fewer abstentions.
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
    """One evaluated answer. `mode` is "rag" (passages shown) or "closed_book".

    `confidence`, `trace` and `signals` are as in `Answer`; `withheld` is that answer with a label of its own.
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
"""What is counted of calls: the fields of `Usage`, in the order in which tables show them."""


@dataclass(slots=True)
class Usage:
    """What calls cost: how many there were, and tokens. Prefilled are the prompt's less the cached ones.

    `thoughts_cut` counts the replies from whose text thoughts were cut, `left_out` those that were written without a
    parameter, by its name.
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
        """Prompt tokens that were run through the model."""
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
        """Both together, stage by stage."""
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
