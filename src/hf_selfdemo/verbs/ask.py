"""`hf-selfdemo ask`: one question, or a session of them, to the trained model in the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.app.asking import Asking, rests_on
from hf_selfdemo.core.console import read_line, say, show, show_part
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Answer, Passage, Request
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import AtPoint
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.scoring.refusal import is_refusal
from hf_selfdemo.verbs.app import recipe_asking
from hf_selfdemo.verbs.evaluate import recipe_modes
from hf_selfdemo.verbs.failures import Terminated


def run_ask(recipe: Recipe) -> None:
    """Answer `question`, or where there is none, one question a line until the input ends.

    The model is the one that `app` asks beside the base model; the base model where nothing was trained. In a session a
    question that cannot be answered is one line, and the next one is asked.

    Raises:
        UserError: if there is no run or no corpus, or a single question cannot be answered.
    """
    stream = _Streamed()
    asking = recipe_asking(recipe, stream.show)
    passages = "rag" in recipe_modes(recipe.evaluate)
    if passages and not asking.can_search:
        remedy = "set retriever and test_corpus, or ask without passages: --evaluate_modes closed_book"
        raise UserError(f"retriever is {recipe.retrieval.retriever!r}, which searches no corpus", remedy)
    if recipe.ask.question is not None:
        return _answer(asking, recipe.ask.question, passages, stream)
    say(f"{asking.names[-1]} answers; Ctrl+D or Ctrl+C ends")
    try:
        while (line := read_line("> ")) is not None:
            if line.strip():
                _in_session(asking, line, passages, stream)
    except Terminated:
        raise
    except KeyboardInterrupt:
        show("")  # a terminal shows ^C where it stands
    say("ended")


def _in_session(asking: Asking, question: str, passages: bool, stream: _Streamed) -> None:
    try:
        _answer(asking, question, passages, stream)
    except UserError as error:
        say(str(error))


def _answer(asking: Asking, question: str, with_passages: bool, stream: _Streamed) -> None:
    """Show passages, the answer as it is written, and what it rests on."""
    passages = asking.search(question, asking.passages) if with_passages else None
    for place, passage in enumerate(passages or (), 1):
        show(f"[{place}] {passage.title + ': ' if passage.title else ''}{passage.text}")
    name = asking.names[-1]
    answerer = asking.answerer(name)
    stream.start(isinstance(answerer, PromptAnswerer))  # any other answer may still be withdrawn or corrected
    [(_, told)] = asking.ask(question, passages, [name])
    stream.end(told.text)
    point = answerer if isinstance(answerer, AtPoint) and with_passages else None
    for line in _about(told.answer, question, passages or (), point):
        show(f"  {line}")


class _Streamed:
    """A reply on the terminal, as far as it is known."""

    def __init__(self) -> None:
        self._on, self._shown = False, ""

    def start(self, on: bool) -> None:
        """Begin a reply, which is shown while it is written, or when it is whole."""
        self._on, self._shown = on, ""

    def show(self, request: Request, text: str) -> None:
        """Show what is new, but for half a character at the end."""
        if self._on and text.startswith(self._shown) and not text.endswith("\ufffd"):
            show_part(text[len(self._shown) :])
            self._shown = text

    def end(self, text: str) -> None:
        """Show what is left of the reply, or all of it where something else was shown."""
        show(text[len(self._shown) :] if text.startswith(self._shown) else f"\n{text}")


def _about(answer: Answer, question: str, passages: Sequence[Passage], point: AtPoint | None) -> list[str]:
    """What is known of an answer: whether the model abstains, how sure it is, and what the answer rests on."""
    lines = []
    if point and answer.confidence is not None:
        above = "below" if answer.confidence < point.point.threshold else "not below"
        lines.append(f"confidence {answer.confidence:.2f}, {above} the operating point {point.point.threshold:.2f}")
    if not answer.text.strip():
        return [*lines, "no answer"]
    if is_refusal(answer.text, question):
        return [*lines, "abstains"]
    if answer.finish_reason == "length":
        lines.append("cut off: max_answer_tokens is the longest answer")
    places, missing = rests_on(answer.text, question, passages)
    if places:
        lines.append(f"rests on {', '.join(f'[{place}]' for place in places)}")
    if passages and missing:
        lines.append(f"in no passage: {', '.join(missing)}")
    return lines
