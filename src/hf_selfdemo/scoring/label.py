"""The label of one reply, by string comparison alone."""

from __future__ import annotations

from collections.abc import Sequence

from hf_selfdemo.core.digested import by_digest
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Label
from hf_selfdemo.scoring.answers.match import answers_match
from hf_selfdemo.scoring.refusal import is_refusal


def label_by_match(text: str, answers: Sequence[str], question: str = "") -> Label:
    """The label of a reply: unscored if it is empty, correct if it states an answer, else abstain or incorrect.

    A reply that names an answer while it abstains does not state it, e.g. "I don't know if it was Rome". A reply that
    states an answer and abstains only from a detail is correct, e.g. "It was Rome. The passages do not say when."

    Args:
        text: the reply.
        answers: the accepted answers.
        question: the question; its words show what kind of answer it asks for.

    Raises:
        UserError: if the reply is not a string, or the answers are not a list of strings.

    Relations: `answers_match` decides whether a reply is correct, and `is_refusal` whether it abstains.

    Example:
        >>> replies = ["On Dec 25th, 2001.", "I don't know.", "In 2002.", " "]
        >>> [label_by_match(reply, ("25 December 2001",)) for reply in replies]
        ['correct', 'abstain', 'incorrect', 'unscored']
    """
    if not isinstance(text, str):
        raise UserError(f"the reply is {text!r}", "give a string; an empty one is unscored")
    if answers is None or isinstance(answers, str) or not all(isinstance(answer, str) for answer in answers):
        raise UserError(f"answers is {answers!r}", "give a list of strings, empty if no accepted answer is known")
    return _label(text, tuple(answers), question)


@by_digest(1 << 15)  # several metrics label the same rows
def _label(text: str, answers: tuple[str, ...], question: str) -> Label:
    if not text.strip():
        return "unscored"
    if answers_match(text, answers, question):
        return "correct"
    return "abstain" if is_refusal(text, question) else "incorrect"
