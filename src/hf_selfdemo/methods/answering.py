"""How a model is asked a question: in one call under the prompt of the mode, unless a method has a way of its own.

Training, evaluation, cards and exports take the prompt from here.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import deciding, defaults
from hf_selfdemo.core.manifest import fingerprint
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Answer, Dialogue, Evidence, Message, Mode, Passage, Question, Request
from hf_selfdemo.prompting.prompts import TEMPLATES, render, templates_hash


@dataclass(frozen=True)
class PromptAnswerer:
    """One greedy call under the template of the mode.

    Args:
        max_answer_tokens: longest reply.
        rag: template of the prompt with passages.
        closed_book: template of the prompt without.

    Raises:
        UserError: if `max_answer_tokens` is below 1.

    Relations: models are trained under the same prompts.

    Example:
        >>> PromptAnswerer().prompt(Evidence(Question("1", "Who?")), "closed_book")[0]["content"].splitlines()[0]
        'Question: Who?'
    """

    max_answer_tokens: int = 32
    rag: str = "rag"
    closed_book: str = "closed_book"

    most_calls: ClassVar[int] = 1

    def __post_init__(self) -> None:
        ONE_OR_MORE.check(max_answer_tokens=self.max_answer_tokens)

    @property
    def identity(self) -> str:
        return answerer_identity("prompt", [f"{self.rag}.txt", f"{self.closed_book}.txt"], self.max_answer_tokens)

    def answer(self, evidence: Evidence, mode: Mode) -> Dialogue[Answer]:
        messages = self.prompt(evidence, mode)
        [reply] = yield [Request(evidence.id, messages, f"evaluate {mode}", 0.0, self.max_answer_tokens)]
        return Answer(reply.text, reply.finish_reason)

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
