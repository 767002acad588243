"""The outcome of one reply by string comparison alone."""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.core.digested import by_digest
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Label
from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.refusal import is_refusal


def label_by_match(text: str, answers: Sequence[str], question: str = "") -> Label:
    """An empty reply is unscored, one that states an answer is correct, one that declines abstains, others incorrect.

    What a reply declines is never what it states: "I don't know if it was Rome" abstains, and "It was Rome. The
    passages do not say when." is correct.

    Args:
        text: a reply.
        answers: the accepted ones.
        question: what was asked, which tells what kind of answer it wants.

    Raises:
        UserError: if the reply is no string, or the answers are no list of strings.

    Relations: `is_refusal` and `answers_match` decide.

    Example:
        >>> replies = ["On Dec 25th, 2001.", "I don't know.", "In 2002.", " "]
        >>> [label_by_match(reply, ("25 December 2001",)) for reply in replies]
        ['correct', 'abstain', 'incorrect', 'unscored']
    """
    if not isinstance(text, str):
        raise UserError(f"the reply is {text!r}", "give a string; an empty one is unscored")
    if answers is None or isinstance(answers, str) or not all(isinstance(answer, str) for answer in answers):
        raise UserError(f"answers is {answers!r}", "give a list of strings, empty where nothing is known to be right")
    return _label(text, tuple(answers), question)


@by_digest(1 << 15)  # several metrics look at the same rows
def _label(text: str, answers: tuple[str, ...], question: str) -> Label:
    if not text.strip():
        return "unscored"
    if answers_match(text, answers, question):
        return "correct"
    return "abstain" if is_refusal(text, question) else "incorrect"
