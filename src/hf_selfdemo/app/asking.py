"""Ask the models new questions, with passages from the corpus."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from bm25s.stopwords import STOPWORDS_EN

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed, UserError
from hf_selfdemo.core.protocols import Answerer, Generator, Retriever
from hf_selfdemo.core.ranges import ONE_OR_MORE, ZERO_OR_MORE
from hf_selfdemo.core.types import Answer, Evidence, Mode, Passage, Question, Usage
from hf_selfdemo.core.wellformed import well_formed
from hf_selfdemo.data.questions import cut_words
from hf_selfdemo.generation.accounted import AccountedGenerator
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.scoring.normalise import normalise
from hf_selfdemo.scoring.refusal import is_refusal

T = TypeVar("T")

MOST_PASSAGES = 8
"""Maximum number of passages of a question."""

LONGEST_QUESTION, LONGEST_TYPED, LONGEST_ANSWER = 500, 8000, 200
"""Maximum number of characters of a question, of all passages typed for it, and of a gold answer."""

_SHORTEST_WORD = 3


@dataclass(frozen=True)
class Told:
    """An answer and its usage."""

    answer: Answer
    usage: Usage = field(default_factory=Usage)

    @property
    def text(self) -> str:
        """The text of the answer."""
        return self.answer.text


class Asking:
    """The models of a run and its corpus. Nothing is loaded before the first question.

    Args:
        models: functions that load each model, by name.
        retriever: a function that makes the retriever; None if there is no corpus to search.
        max_answer_tokens: longest answer of a model that is asked with the usual prompt, in tokens.
        passages: default number of passages of a question.
        max_passage_words: typed passages are truncated after this number of words, like those of the corpus; 0 keeps
            them whole.
        answerers: functions that make the answerers of models with another prompt, by name.

    Example:
        >>> from hf_selfdemo.generation.scripted import ScriptedGenerator
        >>> asking = Asking({"base": lambda: ScriptedGenerator(lambda request: "In Poland.")})
        >>> [(name, told.text) for name, told in asking.ask("Where?", typed_passages("She was born in Poland."))]
        [('base', 'In Poland.')]
    """

    def __init__(
        self,
        models: Mapping[str, Callable[[], Generator]],
        retriever: Callable[[], Retriever] | None = None,
        max_answer_tokens: int = 32,
        passages: int = 4,
        max_passage_words: int = 0,
        answerers: Mapping[str, Callable[[], Answerer]] | None = None,
    ) -> None:
        ONE_OR_MORE.check(max_answer_tokens=max_answer_tokens, passages=passages)
        ZERO_OR_MORE.check(max_passage_words=max_passage_words)
        self.names = list(models)
        self.can_search = retriever is not None
        self.passages = min(passages, MOST_PASSAGES)
        self.max_passage_words = max_passage_words
        self._models = {name: _Once(load) for name, load in models.items()}
        self._retriever = _Once(retriever) if retriever else None
        self._usual = PromptAnswerer(max_answer_tokens)
        self._answerers = {name: _Once(find) for name, find in (answerers or {}).items()}
        self._turn = threading.Lock()

    def search(self, question: str, count: int) -> tuple[Passage, ...]:
        """Search the corpus, and return the passages, best first.

        Raises:
            UserError: if the question is empty or too long, or there is no corpus.
        """
        if self._retriever is None:
            raise UserError("this run has no corpus to search", "type passages of your own")
        asked = Question("asked", checked_question(question))
        [found] = self._retriever().retrieve([asked], max(1, min(count, MOST_PASSAGES)))
        return found

    def answerer(self, name: str) -> Answerer:
        """The answerer of the model of this name.

        Raises:
            UserError: if its folder is damaged.
        """
        return self._answerers[name]() if name in self._answerers else self._usual

    def ask(
        self, question: str, passages: Sequence[Passage] | None, names: Sequence[str] | None = None
    ) -> Iterator[tuple[str, Told]]:
        """Ask the models, and yield each answer as soon as it is complete. Only one model generates at a time.

        Args:
            question: the question.
            passages: the passages to show; None asks without passages.
            names: the models to ask; default: all.

        Raises:
            UserError: if the question is empty or too long, or a model cannot be loaded or fails.
        """
        mode: Mode = "closed_book" if passages is None else "rag"
        asked = Evidence(Question("the question", checked_question(question)), tuple(passages or ()))
        for name in self.names if names is None else names:
            with self._turn:
                counted = AccountedGenerator(self._models[name]())
                try:
                    [answer] = converse([self.answerer(name).answer(asked, mode)], counted)
                except CallFailed as failure:
                    raise UserError(
                        f"{name} did not answer ({failure})", "ask again, or ask a shorter question"
                    ) from None
            yield name, Told(answer, counted.usage)


class _Once(Generic[T]):
    """Calls a function once, when its result is first needed, and keeps the result."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make, self._lock = make, threading.Lock()
        self._made: list[T] = []

    def __call__(self) -> T:
        with self._lock:
            if not self._made:
                self._made.append(self._make())
        return self._made[0]


def checked_question(question: str) -> str:
    """The question without surrounding whitespace.

    Raises:
        UserError: if it is empty or too long.
    """
    return _checked("question", question, LONGEST_QUESTION)


def typed_passages(text: str, max_words: int = 0) -> tuple[Passage, ...]:
    """Split typed text into passages at empty lines.

    Args:
        text: any number of paragraphs.
        max_words: longer passages are truncated; 0 keeps them whole.

    Raises:
        UserError: if the text is empty or too long, or has too many passages.

    Example:
        >>> [passage.text for passage in typed_passages("One\\nand more.\\n\\n\\nTwo.")]
        ['One and more.', 'Two.']
    """
    paragraphs = re.split(r"\n\s*\n", _checked("passage", text, LONGEST_TYPED))
    if len(paragraphs) > MOST_PASSAGES:
        raise UserError(f"there are {len(paragraphs)} passages", f"type at most {MOST_PASSAGES}")
    texts = [cut_words(" ".join(paragraph.split()), max_words) for paragraph in paragraphs]
    return tuple(Passage(f"typed {i}", one) for i, one in enumerate(texts, 1))


def told_words(replies: Sequence[str], question: str) -> list[str]:
    """The words of replies that are not in the question, to mark them in passages.

    Args:
        replies: replies of models. Abstentions are skipped.
        question: the question.

    Example:
        >>> told_words(["Polonium is named after Poland.", "I don't know."], "Which country is polonium named after?")
        ['poland']
    """
    known = {*STOPWORDS_EN, *normalise(question).split()}
    words = [word for reply in replies if not is_refusal(reply, question) for word in normalise(reply).split()]
    return list(dict.fromkeys(w for w in words if w not in known and (len(w) >= _SHORTEST_WORD or w.isdigit())))


def rests_on(reply: str, question: str, passages: Sequence[Passage]) -> tuple[list[int], list[str]]:
    """Find the passages that support a reply: those that contain every word that the reply adds to the question.

    Args:
        reply: reply of a model.
        question: the question.
        passages: the passages shown.

    Returns:
        The numbers of these passages, from 1, or if there are none, of those that contain some of the words. And the
        words that no passage contains. Both are empty if the reply adds no word.

    Example:
        >>> shown = [Passage("a", "Marie Curie named it after Poland."), Passage("b", "It was named in 1898.")]
        >>> rests_on("Poland.", "What is polonium named after?", shown)
        ([1], [])
        >>> rests_on("Poland, in 1897.", "What is polonium named after?", shown)
        ([1], ['1897'])
    """
    wanted = set(told_words([reply], question))
    held = [wanted & {*normalise(f"{p.title} {p.text}").split()} for p in passages]
    whole = [place for place, found in enumerate(held, 1) if wanted and found == wanted]
    parts = [place for place, found in enumerate(held, 1) if found]
    return whole or parts, sorted(wanted.difference(*held))


def _checked(what: str, text: str, longest: int) -> str:
    found = well_formed(text).strip()
    if not found:
        raise UserError(f"there is no {what}", "type one")
    if len(found) > longest:
        raise UserError(f"the {what} has {len(found)} characters", f"use at most {longest}")
    return found
