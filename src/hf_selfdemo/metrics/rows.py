"""Checks the input of a metric, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from hf_selfdemo.core.errors import UserError

References = Sequence[Sequence[str] | str]
"""The accepted answers of each row, including aliases: a list, which may be empty, or a single string."""

_EMPTY_IF_NONE = "give a list of strings, or an empty list if there is no answer"


class Row(NamedTuple):
    """A reply, its accepted answers and the question."""

    text: str
    answers: tuple[str, ...]
    question: str = ""


def read_rows(predictions: Sequence[str], references: References, questions: Sequence[str] | None = None) -> list[Row]:
    """One row for each prediction.

    Raises:
        UserError: if columns differ in length or contain anything but strings. The message names the row.

    Example:
        >>> read_rows(["Bern.", "Who knows?"], ["Bern", []])[1].answers
        ()
        >>> read_rows(["Bern.", None], [["Bern"], []])
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: predictions[1] is None: give a string; an empty one counts as unscored
    """
    texts = column("predictions", predictions, _is_text, "give a string; an empty one counts as unscored")
    wanted = column("references", references, _is_list, _EMPTY_IF_NONE, rows=len(texts))
    answers = [_answers(row, accepted) for row, accepted in enumerate(wanted)]
    asked = [""] * len(texts)
    if questions is not None:
        asked = column("questions", questions, _is_text, "give a string", rows=len(texts))
    return [Row(*parts) for parts in zip(texts, answers, asked, strict=True)]


def column(name: str, values: Any, fits: Callable[[Any], bool], remedy: str, rows: int | None = None) -> list[Any]:
    """The values of a column as a list, after checking each value and their number, which must be `rows`.

    Raises:
        UserError: if a check fails. The message names the column and the row.

    Example:
        >>> column("answerable", [True, None], lambda value: value in (True, False), "give True or False")
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: answerable[1] is None: give True or False
    """
    if isinstance(values, str) or not hasattr(values, "__len__"):
        raise UserError(f"{name} is {values!r}", "give a list with one entry per row")
    if rows is not None and len(values) != rows:
        raise UserError(f"{name} has {len(values)} rows, but predictions has {rows}", "give one entry per row")
    found = list(values)
    for row, value in enumerate(found):
        if not fits(value):
            raise UserError(f"{name}[{row}] is {value!r}", remedy)
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_list(value: Any) -> bool:
    return hasattr(value, "__len__") and not isinstance(value, dict)


def _answers(row: int, accepted: Sequence[Any]) -> tuple[str, ...]:
    answers = [accepted] if isinstance(accepted, str) else list(accepted)
    for place, answer in enumerate(answers):
        if not isinstance(answer, str):
            raise UserError(f"references[{row}][{place}] is {answer!r}", "give the answer as a string")
    return tuple(answer for answer in answers if answer.strip())
