"""Rows as somebody hands them to a trainer, with the columns that were left out filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets import Dataset

from hf_selfdemo.errors import UserError
from hf_selfdemo.rows import FEATURES
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.types import Passage

TRAINED = ("id", "question", "passages", "response", "outcome")
"""Columns without which a row cannot be trained."""

ASKED = ("id", "question", "passages", "answers")
"""Columns without which a row cannot be asked and its reply be judged."""

_REMEDY = {
    TRAINED: "give id, question, passages (each with a text, and a title if it has one), response and outcome (answer "
    "or abstain), or rows that `demonstrate` wrote",
    ASKED: "give id, question, passages (each with a text, and a title if it has one) and answers",
}
_OUTCOMES = ("answer", "abstain")


def given_rows(rows: Dataset | Sequence[Mapping[str, Any]], needed: tuple[str, ...] = TRAINED) -> Dataset:
    """A dataset in the columns of `rows.FEATURES`; one that has them all is returned as it is.

    Args:
        rows: a dataset, or a list of rows.
        needed: `TRAINED` or `ASKED`: the columns that have no default. Whether a passage holds an accepted answer is
            found by looking; every question counts as answerable, and every row as shown with its passages.

    Raises:
        UserError: for something else than rows, or a row that lacks what is needed.

    Example:
        >>> row = {"id": "1", "question": "Where is Bern?", "passages": [{"text": "Bern is in Switzerland."}],
        ...        "response": "In Switzerland.", "outcome": "answer", "answers": ["Switzerland"]}
        >>> made = given_rows([row])
        >>> made[0]["answer_in_context"], made[0]["mode"]
        (True, 'rag')
    """
    if not isinstance(rows, Dataset | list | tuple):
        raise UserError(f"the rows are a {type(rows).__name__}", "give a datasets.Dataset, or a list of rows")
    if isinstance(rows, Dataset) and set(FEATURES) <= set(rows.column_names):
        return rows
    return Dataset.from_list([_whole(row, place, needed) for place, row in enumerate(rows)], features=FEATURES)


def _whole(row: Mapping[str, Any], place: int, needed: tuple[str, ...]) -> dict[str, Any]:
    """A row with every column."""
    missing = [name for name in needed if row.get(name) is None]
    if missing:
        raise UserError(f"row {row.get('id', place)!r} has no {', '.join(missing)}", _REMEDY[needed])
    name = str(row["id"])
    if needed is TRAINED and row["outcome"] not in _OUTCOMES:
        raise UserError(f"row {name!r} has the outcome {row['outcome']!r}", "give answer or abstain")
    passages = [_passage(found, name, number) for number, found in enumerate(row["passages"], 1)]
    answers = list(row.get("answers") or ())
    held = any(holds_answer(Passage(p["id"], p["text"], p["title"]), answers, str(row["question"])) for p in passages)
    defaults = dict.fromkeys(FEATURES, "") | {
        "mode": "rag",
        "answers": answers,
        "answer_in_context": held,
        "gold_removed": False,
        "answerable": True,
        "verified": False,
        "candidates": [],
    }
    known = {column: row[column] for column in FEATURES if row.get(column) is not None}
    return defaults | known | {"id": name, "passages": passages}


def _passage(found: Any, row: str, number: int) -> dict[str, Any]:
    if not isinstance(found, Mapping) or not isinstance(found.get("text"), str):
        raise UserError(f"passage {number} of row {row!r} has no text", 'give each as {"title": ..., "text": ...}')
    return {
        "id": str(found.get("id") or number),
        "title": found.get("title") or "",
        "text": found["text"],
        "score": float(found.get("score") or 0.0),
    }
