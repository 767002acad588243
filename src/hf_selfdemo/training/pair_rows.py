"""Demonstrations with one row per pair, as preference training needs them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from datasets import Dataset

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import FURTHER_PAIR
from hf_selfdemo.data.rows import rejected_of

logger = logging.getLogger(__name__)


def pair_rows(rows: Dataset, most: int | None = None) -> Dataset:
    """Split each row with several rejected texts into consecutive rows with one rejected text each.

    The first keeps the row's id; the others get the suffix `#pair_2` and so on. A row without a pair does not change.

    Args:
        rows: demonstrations, in the columns of `rows.FEATURES`.
        most: maximum number of pairs from one row.

    Example:
        >>> rejected = [{"text": "Basel.", "label": "incorrect"}, {"text": "No idea.", "label": "abstain"}]
        >>> made = pair_rows(Dataset.from_list([{"id": "a", "rejected": rejected}]))
        >>> made["id"][:], made[1]["rejected"]
        (['a', 'a#pair_2'], [{'text': 'No idea.', 'label': 'abstain'}])
    """
    if "rejected" not in rows.column_names:
        return rows
    if all(len(rejected_of(row)) < 2 for row in rows.select_columns(["rejected"])):
        return rows
    made: Dataset = rows.map(
        _one_a_pair, batched=True, fn_kwargs={"most": most}, features=rows.features, load_from_cache_file=False
    )
    return made


def row_of_pair(name: str) -> str:
    """The id of the row from which a pair was made.

    Example:
        >>> row_of_pair("q1#row_2#pair_2"), row_of_pair("q1")
        ('q1#row_2', 'q1')
    """
    return FURTHER_PAIR.sub("", name)


def with_pairs(dataset: Dataset) -> tuple[Dataset, dict[str, list[str]]]:
    """The pairs, one per row, and the ids of the rows without a pair, by reason.

    Raises:
        UserError: if no row has a pair.

    Example:
        >>> rows = [{"id": "a", "mode": "rag", "rejected": ["Basel."]}, {"id": "b", "mode": "rag", "rejected": []},
        ...         {"id": "a#closed_book", "mode": "closed_book", "rejected": []}]
        >>> kept, others = with_pairs(Dataset.from_list(rows))
        >>> len(kept), others
        (1, {'no rejected text': ['b'], 'closed-book': ['a#closed_book']})
    """
    kept: list[int] = []
    others: dict[str, list[str]] = {}
    for i, row in enumerate(dataset):
        if reason := no_pair(row):
            others.setdefault(reason, []).append(str(row["id"]))
        else:
            kept.append(i)
    if not others:
        return pair_rows(dataset), others
    counts = ", ".join(f"{len(ids)} {reason}" for reason, ids in others.items())
    if not kept:
        raise UserError(
            f"none of {len(dataset)} rows has a pair ({counts})",
            "demonstrate with another pair_policy, or train with objective sft",
        )
    logger.warning("%d of %d rows have no pair and are left out: %s", len(dataset) - len(kept), len(dataset), counts)
    return pair_rows(dataset.select(kept)), others


def no_pair(row: Mapping[str, Any]) -> str:
    """Why a row has no pair; an empty string if it has one.

    Example:
        >>> no_pair({"mode": "rag", "rejected": ["Basel."]}), no_pair({"mode": "closed_book", "rejected": ["Basel."]})
        ('', 'closed-book')
    """
    if row.get("mode") == "closed_book":
        return "closed-book"
    return "" if any(one.text.strip() for one in rejected_of(row)) else "no rejected text"


def _one_a_pair(batch: Mapping[str, list[Any]], most: int | None) -> dict[str, list[Any]]:
    columns = list(batch)
    made = [
        {**row, "id": str(row["id"]) + (f"#pair_{n}" if n > 1 else ""), "rejected": [asdict(one)] if one else []}
        for row in (dict(zip(columns, values, strict=True)) for values in zip(*batch.values(), strict=True))
        for n, one in enumerate(rejected_of(row)[:most] or (None,), 1)
    ]
    return {name: [row[name] for row in made] for name in columns}
