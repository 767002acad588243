"""`hf-selfdemo ask`: ask the trained model one question, or several in a session, in the terminal."""

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
    """Answer `question`, or if there is none, read and answer one question per line until the input ends.

    It asks the trained model that `app` shows, or the base model if nothing was trained. In a session, a question that
    fails prints one line, and the session continues.

    Raises:
        UserError: if there is no run or no corpus, or if `question` fails.
    """
    stream = _Streamed()
    asking = recipe_asking(recipe, stream.show)
    passages = "rag" in recipe_modes(recipe.evaluate)
    if passages and not asking.can_search:
        remedy = "set retriever and test_corpus, or ask without passages: --evaluate_modes closed_book"
        raise UserError(f"retriever is {recipe.retrieval.retriever!r}, which cannot search a corpus", remedy)
    if recipe.ask.question is not None:
        return _answer(asking, recipe.ask.question, passages, stream)
    say(f"asking the model {asking.names[-1]!r}; Ctrl+D or Ctrl+C to stop")
    try:
        while (line := read_line("> ")) is not None:
            if line.strip():
                _in_session(asking, line, passages, stream)
    except Terminated:
        raise
    except KeyboardInterrupt:
        show("")  # the terminal shows ^C in the current line
    say("stopped")


def _in_session(asking: Asking, question: str, passages: bool, stream: _Streamed) -> None:
    try:
        _answer(asking, question, passages, stream)
    except UserError as error:
        say(str(error))


def _answer(asking: Asking, question: str, with_passages: bool, stream: _Streamed) -> None:
    """Show the passages, the answer while it is written, and the passages that support it."""
    passages = asking.search(question, asking.passages) if with_passages else None
    for place, passage in enumerate(passages or (), 1):
        show(f"[{place}] {passage.title + ': ' if passage.title else ''}{passage.text}")
    name = asking.names[-1]
    answerer = asking.answerer(name)
    stream.start(isinstance(answerer, PromptAnswerer))  # another answerer may still replace the answer
    [(_, told)] = asking.ask(question, passages, [name])
    stream.end(told.text)
    point = answerer if isinstance(answerer, AtPoint) and with_passages else None
    for line in _about(told.answer, question, passages or (), point):
        show(f"  {line}")


class _Streamed:
    """Shows a reply on the terminal while it is written."""

    def __init__(self) -> None:
        self._on, self._shown = False, ""

    def start(self, on: bool) -> None:
        """Begin a reply. `on` shows it while it is written, otherwise it is shown when it is complete."""
        self._on, self._shown = on, ""

    def show(self, request: Request, text: str) -> None:
        """Show the new text. An incomplete character at the end waits for the next token."""
        if self._on and text.startswith(self._shown) and not text.endswith("\ufffd"):
            show_part(text[len(self._shown) :])
            self._shown = text

    def end(self, text: str) -> None:
        """Show the rest of the reply, or the whole reply if it differs from what was shown."""
        show(text[len(self._shown) :] if text.startswith(self._shown) else f"\n{text}")


def _about(answer: Answer, question: str, passages: Sequence[Passage], point: AtPoint | None) -> list[str]:
    """Lines about an answer: whether the model abstains, its confidence, and the passages that support the answer."""
    lines = []
    if point and answer.confidence is not None:
        above = "below" if answer.confidence < point.point.threshold else "not below"
        lines.append(f"confidence {answer.confidence:.2f}, {above} the operating point {point.point.threshold:.2f}")
    if not answer.text.strip():
        return [*lines, "no answer"]
    if is_refusal(answer.text, question):
        return [*lines, "abstains"]
    if answer.finish_reason == "length":
        lines.append("truncated after max_answer_tokens")
    places, missing = rests_on(answer.text, question, passages)
    if places:
        lines.append(f"rests on {', '.join(f'[{place}]' for place in places)}")
    if passages and missing:
        lines.append(f"in no passage: {', '.join(missing)}")
    return lines
