"""ActiveRAG (Xu et al. 2024, arXiv 2402.13547): think, take four notes on the passages, correct the thought by each."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from hf_selfdemo.core.keys import check_kinds, key
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Answer, Dialogue, Evidence, Message, Mode, Reply, Request, Signals
from hf_selfdemo.methods.answering import answerer_identity, told
from hf_selfdemo.methods.method import Method
from hf_selfdemo.prompting.prompts import fill, render
from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.refusal import is_refusal

VIEWS = ("anchoring", "associate", "logician", "cognition")
"""The four views on the passages: what is new, what adds to the known, what follows, what contradicts."""

_SIGNALS = {"majority": "agreement", "perplexity": "note_logprob"}
"""The name of the confidence among the signals, by `pick`."""

_MARK = re.compile(r"\banswer\W{0,2}:\W*", re.IGNORECASE)


@dataclass(frozen=True)
class Thinking:
    """Options for the intermediate calls. The paper uses an OpenAI model without a length limit.

    Raises:
        UserError: for a number out of range.
    """

    view_tokens: int = key(64, "longest note on the passages, in tokens", "replies", ONE_OR_MORE)
    reasoning_tokens: int = key(48, "longest reasoning before an answer, in tokens", "replies", ONE_OR_MORE)
    temperature: float = key(0.2, "temperature of every call; the paper uses 0.2", "replies", NOT_NEGATIVE)
    pick: Literal["majority", "perplexity"] = key(
        "majority",
        "which answer is given: majority (the most frequent one), or perplexity (that of the most likely note, four "
        "more calls)",
        "replies",
    )

    def __post_init__(self) -> None:
        check_keys(self)
        check_kinds(self)


@dataclass(frozen=True)
class ActiveRag:
    """Thinks without passages, takes four notes on the passages, and corrects the thought by each note.

    Each correction continues the chat of its note and ends with an answer. By default the answer that most others agree
    with is given, and its share of agreement is the confidence. With `pick` "perplexity" it is the answer of the note
    that is likeliest after the question, as in the paper's first version, and the confidence is the note's mean
    log-probability. The paper reports the four answers separately, and looks for an accepted answer in reasoning and
    answer together; here only the text after "Answer:" counts. In closed-book mode the thought gives the answer.

    Args:
        thinking: options for the intermediate calls.
        max_answer_tokens: longest answer after the reasoning, in tokens.
        seed: seed of the sampling.

    Relations: `PromptAnswerer` asks once.

    Example:
        >>> ActiveRag().most_calls
        9
    """

    thinking: Thinking = field(default_factory=Thinking)
    max_answer_tokens: int = 32
    seed: int = 0

    @property
    def most_calls(self) -> int:
        return 1 + len(VIEWS) * (3 if self.thinking.pick == "perplexity" else 2)

    @property
    def identity(self) -> str:
        return answerer_identity("active_rag", ["active_rag/*.txt"], self.thinking, self.max_answer_tokens, self.seed)

    def prompt(self, evidence: Evidence, mode: Mode) -> None:
        """None, because several prompts are used."""

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        thinking = self._request(evidence, "thought", render("active_rag/thought", evidence.question.text))
        if mode == "closed_book":
            [thought] = yield [thinking]
            known = told(evidence, mode, thought)
            return Answer(
                stated(thought.text), thought.finish_reason, trace=(("thought", thought.text),), signals=known
            )
        asked = {view: render(f"active_rag/{view}", evidence.question.text, evidence.passages) for view in VIEWS}
        thought, *notes = yield [thinking, *(self._request(evidence, view, asked[view]) for view in VIEWS)]
        correction: Message = {
            "role": "user",
            "content": fill("active_rag/correct", thought=thought.text, question=evidence.question.text),
        }
        corrected = yield [
            self._request(
                evidence, f"{view}/corrected", (*asked[view], {"role": "assistant", "content": note.text}, correction)
            )
            for view, note in zip(VIEWS, notes, strict=True)
        ]
        answers = [stated(reply.text) for reply in corrected]
        if self.thinking.pick == "perplexity":
            worth = yield from self._likelihoods(evidence, notes)
        else:
            worth = [votes / len(VIEWS) for votes in agreeing(answers, evidence.question.text)]
        best = max(range(len(VIEWS)), key=lambda i: (bool(answers[i]), worth[i]))  # an empty answer comes last
        confidence = worth[best] if worth[best] > float("-inf") else None
        signals: Signals = told(evidence, mode, corrected[best])
        if confidence is not None:
            signals += ((_SIGNALS[self.thinking.pick], confidence),)
        trace = _trace(thought, notes, corrected)
        return Answer(answers[best], corrected[best].finish_reason, confidence, trace=trace, signals=signals)

    def _likelihoods(self, evidence: Evidence, notes: Sequence[Reply]) -> Dialogue[list[float]]:
        """Mean log-probability of each note as a reply to the question alone; minus infinity for an empty note."""
        question: Message = {"role": "user", "content": evidence.question.text}
        written = {view: note.text for view, note in zip(VIEWS, notes, strict=True) if note.text}
        replies = yield [
            Request(
                f"{evidence.id}/{view}/likelihood",
                (question,),
                "likelihood",
                share=f"{evidence.id}/likelihood",
                scored=text,
            )
            for view, text in written.items()
        ]
        found = {view: reply.scores[0] for view, reply in zip(written, replies, strict=True)}
        return [found.get(view, float("-inf")) for view in VIEWS]

    def _request(self, evidence: Evidence, name: str, messages: tuple[Message, ...]) -> Request:
        note, identifier = name in VIEWS, f"{evidence.id}/{name}"
        answering = self.thinking.reasoning_tokens + self.max_answer_tokens
        return Request(
            id=identifier,
            messages=messages,
            stage="note" if note else name.rpartition("/")[2],
            temperature=self.thinking.temperature,
            max_new_tokens=self.thinking.view_tokens if note else answering,
            seed=stable_seed(self.seed, identifier),
            share="" if name == "thought" else f"{evidence.id}/passages",
            keep=note,
        )


def stated(text: str) -> str:
    """The text after the last "Answer:"; the whole reply if it has none.

    Example:
        >>> stated("It was found in 1886. **Answer:** Clemens Winkler"), stated("Winkler.")
        ('Clemens Winkler', 'Winkler.')
    """
    marks = list(_MARK.finditer(text))
    return text[marks[-1].end() :].strip() if marks else text


def agreeing(answers: Sequence[str], question: str) -> list[int]:
    """For each answer, the number of answers that agree with it, itself included; 0 for an empty one.

    Example:
        >>> agreeing(["Clemens Winkler", "It was Winkler.", "I don't know.", ""], "Who found germanium?")
        [2, 2, 1, 0]
    """
    return [sum(_agree(one, other, question) for other in answers) for one in answers]


def _agree(one: str, other: str, question: str) -> bool:
    if not (one and other):
        return False
    declining = is_refusal(one, question), is_refusal(other, question)
    if any(declining):
        return all(declining)
    return one == other or answers_match(one, [other], question) or answers_match(other, [one], question)


def _trace(thought: Reply, notes: Sequence[Reply], corrected: Sequence[Reply]) -> tuple[tuple[str, str], ...]:
    told = [("thought", thought.text)]
    for view, note, last in zip(VIEWS, notes, corrected, strict=True):
        told += [(view, note.text), (f"{view}, corrected", last.text)]
    return tuple(told)


METHOD = Method(keys=(Thinking,), answerer=ActiveRag)
