"""Questions from a passage: the model writes them, and checks decide which are kept.

An answerable question is kept if the model answers it correctly with the passage but not without it. An unanswerable
question asks for something that the passage does not say. It is kept if no passage retrieved for it states an answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from hf_selfdemo.core.keys import key
from hf_selfdemo.core.protocols import Judge, Retriever
from hf_selfdemo.core.ranges import NOT_NEGATIVE, ONE_OR_MORE, ZERO_OR_MORE, check_keys
from hf_selfdemo.core.seeding import stable_seed
from hf_selfdemo.core.types import Candidate, Dialogue, Evidence, Message, Mode, Passage, Question, Reply, Request
from hf_selfdemo.methods.answering import single_prompt
from hf_selfdemo.prompting.prompts import TEMPLATES, fill
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.scoring.normalise import normalise
from hf_selfdemo.scoring.refusal import is_refusal

SOURCE = "documents"
"""The `source` of questions written from documents."""

_QUESTION = re.compile(r"^\W*question\b\W*(.+?)\s*(?:\banswer:.*)?$", re.IGNORECASE | re.MULTILINE)
_ANSWER = re.compile(r"(?:^\W*|\?\s*)answer\b\W*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
_REFERS = re.compile(
    r"\b(the|this|that|these) (passage|text|document|excerpt|paragraph|article|section|chapter|page|author)s?\b"
    r"|\bthis question\b|\baccording to (the|this)\b|\babove\b"
    r"|\b(mentioned|described|stated|given|provided|listed) (here|in the)\b",
    re.IGNORECASE,
)
_SHORT = 2
_COMMON = frozenset(
    "what which when where who whom whose why how many much the and for with from that this these those there does did "  # noqa: SIM905
    "has have had was were are been not name named year number date person people first last".split()
)
"""Common words, which do not show the subject of a question."""

_LONGEST_ANSWER = 12
"""Maximum number of words of an answer. The model rarely repeats a longer one in the same words."""


@dataclass(frozen=True)
class QuestionKeys:
    """Options for writing questions.

    Raises:
        UserError: for a number out of range.
    """

    question_passes: int = key(
        2, "number of different questions to write about each passage of documents", "written", ZERO_OR_MORE
    )
    unanswerable_passes: int = key(
        1, "number of questions to write for each passage that it does not answer", "written", ZERO_OR_MORE
    )
    question_temperature: float = key(
        0.7, "temperature of writing questions; the first is written greedily", "written", NOT_NEGATIVE
    )
    max_question_tokens: int = key(96, "longest question with its answer, in tokens", "written", ONE_OR_MORE)
    question_passages: int = key(
        5,
        "number of passages to search for an unanswerable question; none of them may state an answer",
        "written",
        ONE_OR_MORE,
    )

    def __post_init__(self) -> None:
        check_keys(self)


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that was written, and the reason why it is `dropped`, or "" if it is kept."""

    question: Question
    dropped: str = ""


@dataclass(frozen=True)
class QuestionWriter:
    """Writes questions about a passage and checks each of them.

    Args:
        judge: decides whether the model's answer to a question agrees with the answer written with it.
        retriever: finds passages that might answer an unanswerable question.
        keys: options for writing questions.
        seed: seed of all sampling.

    Relations: it handles one passage at a time; `question_set` runs it over a corpus.
    """

    judge: Judge
    retriever: Retriever
    keys: QuestionKeys = field(default_factory=QuestionKeys)
    seed: int = 0

    @property
    def most_calls(self) -> int:
        """The maximum number of calls for one passage, without calls of the judge."""
        return self.keys.question_passes * 3 + self.keys.unanswerable_passes * (1 + self.keys.question_passages)

    def write(self, passage: Passage) -> Dialogue[list[Draft]]:
        """All questions about one passage, kept or dropped, in the order they were written.

        Raises:
            CallFailed: if a call failed.
        """
        found = yield from self._passes(passage, "answerable", self.keys.question_passes)
        found += yield from self._passes(passage, "unanswerable", self.keys.unanswerable_passes)
        return found

    def _passes(self, passage: Passage, kind: str, count: int) -> Dialogue[list[Draft]]:
        drafts: list[Draft] = []
        for number in range(count):
            before = list(dict.fromkeys(draft.question.text for draft in drafts if draft.question.text))
            messages = (*_shown(kind), *_turn(fill(f"questions/{kind}", passages=[passage], before=before)))
            [reply] = yield [self._request(passage, f"{kind}/{number}", messages, kind)]
            draft = _read(reply, passage, f"{passage.id}/{kind}/{number}", kind == "answerable")
            if not draft.dropped and normalise(draft.question.text) in map(normalise, before):
                draft = Draft(draft.question, "asked before of the same passage")
            if not draft.dropped and kind == "answerable":
                draft = yield from self._answered(draft.question, passage)
            elif not draft.dropped:
                draft = yield from self._unanswered(draft.question)
            drafts.append(draft)
        return drafts

    def _answered(self, question: Question, passage: Passage) -> Dialogue[Draft]:
        """Check that the model gives the answer with the passage but not without it."""
        modes: tuple[Mode, ...] = ("rag", "closed_book")
        replies = yield [
            Request(
                f"{question.id}/{mode}",
                single_prompt(question.text, [passage] if mode == "rag" else [], mode),
                f"{mode}_check",
                share=f"{passage.id}/{mode}",
            )
            for mode in modes
        ]
        candidates = [Candidate(r.text, mode, mode, r.finish_reason) for mode, r in zip(modes, replies, strict=True)]
        row = Evidence(question, (passage,), answer_in_context=True)
        with_passage, without = yield from self.judge.judge(row, candidates)
        if with_passage.label != "correct":
            return Draft(question, "not answered from its passage")
        if without.label == "correct":
            return Draft(question, "answered without its passage")
        return Draft(question)

    def _unanswered(self, question: Question) -> Dialogue[Draft]:
        """Check, by asking the model, that no passage retrieved for the question states an answer."""
        [passages] = self.retriever.retrieve([question], self.keys.question_passages)
        requests = [
            Request(
                f"{question.id}/stated/{i}",
                _turn(fill("questions/stated", passages=[passage], question=question.text)),
                "stated_check",
                choices=("Yes", "No"),
                share=f"{passage.id}/stated",
            )
            for i, passage in enumerate(passages)
        ]
        replies = (yield requests) if requests else []
        if any(reply.text != "No" for reply in replies):
            return Draft(question, "a passage of the corpus may answer it")
        return Draft(question)

    def _request(self, passage: Passage, name: str, messages: tuple[Message, ...], kind: str) -> Request:
        identifier = f"{passage.id}/{name}"
        first = name.endswith("/0")
        return Request(
            id=identifier,
            messages=messages,
            stage=f"{kind}_question",
            temperature=0.0 if first else self.keys.question_temperature,
            max_new_tokens=self.keys.max_question_tokens,
            seed=stable_seed(self.seed, identifier),
            share=f"{passage.id}/questions",
        )


def _turn(text: str) -> tuple[Message, ...]:
    return ({"role": "user", "content": text},)


@lru_cache(maxsize=2)
def _shown(kind: str) -> tuple[Message, ...]:
    """Few-shot examples as turns before the passage, because a small model does not follow the instruction alone."""
    turns: list[Message] = []
    for one in json.loads((TEMPLATES / "questions" / "examples.json").read_text(encoding="utf-8")):
        passage = Passage("", one["text"], one["title"])
        turns += _turn(fill(f"questions/{kind}", passages=[passage], before=[]))
        turns.append({"role": "assistant", "content": one[kind]})
    return tuple(turns)


def _read(reply: Reply, passage: Passage, identifier: str, answerable: bool) -> Draft:
    """Read the question in a reply, and check it by simple rules."""
    asked, said = _QUESTION.search(reply.text), _ANSWER.search(reply.text)
    text = asked.group(1) if asked else ""
    answer = said.group(1) if said and answerable else ""
    question = Question(
        identifier,
        text,
        (answer,) if answer else (),
        gold_ids=(passage.id,) if answerable else (),
        answerable=answerable,
        source=SOURCE,
    )
    return Draft(question, _fault(question, passage, answerable))


def _fault(question: Question, passage: Passage, answerable: bool) -> str:
    text, answers = question.text, question.answers
    if not text.endswith("?"):
        return "no question can be read"
    if _REFERS.search(text):
        return "speaks of its passage"
    if not _subject(text) & _subject(f"{passage.title} {passage.text}"):
        return "is not about its passage"
    if not answerable:
        return ""
    if not answers:
        return "no answer can be read"
    if is_refusal(answers[0], text):
        return "its answer is a refusal"
    if len(answers[0].split()) > _LONGEST_ANSWER:
        return f"its answer is longer than {_LONGEST_ANSWER} words"
    if not holds_answer(passage, answers, text):
        return "its passage does not state its answer"
    if holds_answer(Passage("", text), answers, text):
        return "gives its answer away"
    return ""


def _subject(text: str) -> set[str]:
    """The words of a text that show its subject."""
    return {word for word in normalise(text).split() if len(word) > _SHORT} - _COMMON


def unlike(drafts: Sequence[Draft]) -> list[Draft]:
    """The drafts in order; of kept drafts with the same question, only the first stays kept.

    Example:
        >>> two = [Draft(Question(str(i), text)) for i, text in enumerate(["Who built it?", "who built it"])]
        >>> [draft.dropped for draft in unlike(two)]
        ['', 'asked before of another passage']
    """
    seen: set[str] = set()
    found = []
    for draft in drafts:
        words = normalise(draft.question.text)
        if not draft.dropped and words in seen:
            draft = Draft(draft.question, "asked before of another passage")
        if not draft.dropped:
            seen.add(words)
        found.append(draft)
    return found
