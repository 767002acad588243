"""Reading multiple-choice questions with the columns of MMLU, of ARC, or with a column map."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.data.questions import dig, read_rows
from hf_selfdemo.data.questions.columns import mapped_by_hand

LETTERS = string.ascii_uppercase

CHOICE_PRESETS = {
    "mmlu": {"question": "question", "choices": "choices", "answer": "answer"},
    "arc": {"question": "question", "choices": "choices", "answer": "answerKey"},
}
"""The column of each role in well-known datasets. A dot selects a nested value, as in `questions.PRESETS`."""


@dataclass(frozen=True, slots=True)
class ChoiceQuestion:
    """A question with its choices; `answer` is the index of the correct one, from 0."""

    id: str
    text: str
    choices: tuple[str, ...]
    answer: int


def read_choice_questions(
    source: str,
    split: str = "test",
    preset: str = "mmlu",
    columns: Sequence[str] = (),
    dataset_config: str | None = None,
) -> list[ChoiceQuestion]:
    """Read multiple-choice questions in the order of the source.

    Choices are a list of texts, or texts with labels as in ARC (`{"text": [...], "label": [...]}`). The answer may be
    a label (letters by default), an index from 0, or the text of a choice, tried in this order.

    Args:
        source: "embedded", a file (.jsonl, .json, both also .gz, .parquet), a dataset folder, or a Hub id.
        split: the split to read, if the source has splits.
        preset: a key of `CHOICE_PRESETS`.
        columns: "role=column" pairs that override the preset, e.g. `choices=endings`.
        dataset_config: configuration of the Hub dataset.

    Raises:
        UserError: for a missing file or column, an empty source, or, naming the row, a row without a question, with
            fewer than two or more than 26 choices, or with an answer that is not among them.

    Example:
        >>> question = read_choice_questions("embedded")[0]
        >>> question.text, question.choices[question.answer]
        ('Which planet is closest to the Sun?', 'Mercury')
    """
    mapping = _mapping(preset, columns)
    rows = read_rows(source, split, dataset_config, embedded="choice_questions.jsonl")
    return [_question(row.fields, mapping, row.where, row.number) for row in rows]


def _mapping(preset: str, columns: Sequence[str]) -> dict[str, str]:
    if preset not in CHOICE_PRESETS:
        raise UserError(f"unknown choice_preset {preset!r}", did_you_mean(preset, list(CHOICE_PRESETS)))
    mapping = CHOICE_PRESETS[preset]
    return mapping | mapped_by_hand(columns, mapping, "choice_columns")


def _question(row: dict[str, Any], mapping: dict[str, str], where: str, number: int) -> ChoiceQuestion:
    text, choices, answer = (dig(row, mapping[role], where) for role in ("question", "choices", "answer"))
    if not isinstance(text, str) or not text.strip():
        raise UserError(f"{where} has no question text in {mapping['question']!r}", "fill it in or drop the row")
    texts, labels = _choices(choices, f"{where}: {mapping['choices']!r}")
    identifier = str(number if row.get("id") is None else row["id"])
    return ChoiceQuestion(identifier, text.strip(), texts, _place(answer, texts, labels, where))


def _choices(value: Any, where: str) -> tuple[tuple[str, ...], list[str]]:
    """The texts and their labels, which are letters if the dataset has none."""
    if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        value = {key: [item.get(key) for item in value] for key in ("text", "label")}
    texts, labels = (value.get("text"), value.get("label")) if isinstance(value, dict) else (value, None)
    if not isinstance(texts, list) or not 2 <= len(texts) <= len(LETTERS) or not all(map(_is_text, texts)):
        raise UserError(
            f"{where} is not a list of choices", "give 2 to 26 texts, or map another column with choice_columns"
        )
    own = labels if isinstance(labels, list) and len(labels) == len(texts) else LETTERS[: len(texts)]
    return tuple(str(text).strip() for text in texts), [str(label).strip() for label in own]


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and bool(str(value).strip())


def _place(answer: Any, texts: tuple[str, ...], labels: list[str], where: str) -> int:
    told = str(answer).strip()
    if told in labels:
        return labels.index(told)
    if told.isdecimal() and int(told) < len(texts):
        return int(told)
    if told in texts:
        return texts.index(told)
    raise UserError(
        f"{where}: the answer {answer!r} is not one of its {len(texts)} choices",
        "give its index from 0, its label or its text",
    )
