"""Rows as a user gives them to a trainer, with missing columns filled in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from datasets import Dataset

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage
from hf_selfdemo.data.questions.values import read_texts
from hf_selfdemo.data.rows import FEATURES, features_of, rejected_of, with_pairs_listed
from hf_selfdemo.scoring.answers.passages import holds_answer

TRAINED = ("id", "question", "passages", "response", "outcome")
"""Columns without which a row cannot be trained."""

ASKED = ("id", "question", "passages", "answers")
"""Columns without which a row cannot be asked and its reply judged."""

TOLD = ("question", "passages", "response")
"""Columns without which a row cannot become a conversation."""

JUDGED, JUDGED_BY_PASSAGES = ("question", "answers"), ("question", "answers", "passages")
"""Columns without which a reply to a row cannot be judged: by accepted answers, or by accepted answers and passages."""

_REMEDY = {
    TRAINED: "give id, question, passages (each with a text, and a title if it has one), response and outcome (answer "
    "or abstain), or rows that `demonstrate` wrote",
    ASKED: "give id, question, passages (each with a text, and a title if it has one) and answers",
    TOLD: "give question, passages (each with a text, and a title if it has one) and response",
    JUDGED: "give question and answers (an empty list where none is accepted)",
    JUDGED_BY_PASSAGES: "give question, answers (an empty list where none is accepted) and passages",
}
_OUTCOMES = ("answer", "abstain")


def given_rows(rows: Dataset | Sequence[Mapping[str, Any]], needed: tuple[str, ...] = TRAINED) -> Dataset:
    """A dataset with the columns of `rows.FEATURES`; rows that have them all are not changed.

    By default every question counts as answerable, every row shows its passages, and `answer_in_context` says whether
    a passage contains an accepted answer.

    Args:
        rows: a dataset, or a list of rows.
        needed: `TRAINED`, `ASKED` or `TOLD`, the columns that have no default.

    Raises:
        UserError: if `rows` is neither, or if a row lacks a needed column.

    Example:
        >>> row = {"id": "1", "question": "Where is Bern?", "passages": [{"text": "Bern is in Switzerland."}],
        ...        "response": "In Switzerland.", "outcome": "answer", "answers": ["Switzerland"]}
        >>> made = given_rows([row])
        >>> made[0]["answer_in_context"], made[0]["mode"]
        (True, 'rag')
    """
    if not isinstance(rows, Dataset | list | tuple):
        raise UserError(f"the rows are of type {type(rows).__name__}", "give a datasets.Dataset or a list of rows")
    if isinstance(rows, Dataset):
        rows = unformatted(rows)
        if set(FEATURES) <= set(rows.column_names):
            return with_pairs_listed(rows)
    made = [whole_row(row, place, needed) for place, row in enumerate(rows)]
    features = features_of(made) if any("kind" in row for row in made) else FEATURES
    return Dataset.from_dict({name: [row.get(name) for row in made] for name in features}, features=features)


def unformatted(rows: Dataset) -> Dataset:
    """The dataset with plain Python values instead of a format such as numpy, pandas or torch.

    Args:
        rows: a dataset; a custom transform is kept.

    Example:
        >>> unformatted(Dataset.from_list([{"id": "1"}]).with_format("numpy"))[0]
        {'id': '1'}
    """
    return rows if rows.format["type"] in (None, "custom") else rows.with_format(None)


def whole_row(row: Mapping[str, Any], place: int, needed: tuple[str, ...]) -> dict[str, Any]:
    """A row with all columns filled in; see `given_rows`.

    Args:
        row: any row. A closed-book row needs no passages.
        place: position of the row, which names it if it has no id.
        needed: columns that have no default.
    """
    row = {column: value for column, value in row.items() if value is not None}
    if row.get("mode") == "closed_book":
        row = {"passages": []} | row
    missing = [name for name in needed if name not in row]
    if missing:
        raise UserError(f"row {row.get('id', place)!r} has no {', '.join(missing)}", _REMEDY[needed])
    name = str(row.get("id", place))
    if needed is TRAINED and row["outcome"] not in _OUTCOMES:
        raise UserError(f"row {name!r} has the unknown outcome {row['outcome']!r}", "set it to answer or abstain")
    passages = [_passage(found, name, number) for number, found in enumerate(row["passages"], 1)]
    known = {column: row[column] for column in FEATURES if column in row}
    known["rejected"] = _rejected(row, name)
    answers = list(read_texts(row.get("answers"), f"row {name!r}", "answers"))
    if "answer_in_context" not in known:
        shown = (Passage(p["id"], p["text"], p["title"]) for p in passages)
        known["answer_in_context"] = any(holds_answer(passage, answers, str(row["question"])) for passage in shown)
    defaults = dict.fromkeys(FEATURES, "") | {
        "mode": "rag",
        "gold_removed": False,
        "answerable": True,
        "verified": False,
        "candidates": [],
    }
    of_kind = {"kind": row["kind"], "segments": list(row.get("segments", []))} if row.get("kind") else {}
    return defaults | known | {"id": name, "answers": answers, "passages": passages} | of_kind


def _rejected(row: Mapping[str, Any], name: str) -> list[dict[str, str]]:
    try:
        return [asdict(one) for one in rejected_of(row)]
    except (TypeError, KeyError, AttributeError):
        raise UserError(
            f"row {name!r} has a malformed column rejected: {row['rejected']!r}",
            'give a text, a list of texts, or a list of {"text": ..., "label": ...}',
        ) from None


def _passage(found: Any, row: str, number: int) -> dict[str, Any]:
    if not isinstance(found, Mapping) or not isinstance(found.get("text"), str):
        raise UserError(f"passage {number} of row {row!r} has no text", 'write it as {"title": ..., "text": ...}')
    return {
        "id": str(found.get("id") or number),
        "title": found.get("title") or "",
        "text": found["text"],
        "score": float(found.get("score") or 0.0),
    }
