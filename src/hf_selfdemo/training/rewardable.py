"""The rows for which a reward can be computed."""

from __future__ import annotations

import logging

from datasets import Dataset

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import FURTHER

logger = logging.getLogger(__name__)


def rewardable(dataset: Dataset) -> tuple[Dataset, dict[str, list[str]]]:
    """The rows whose replies can be judged, each question once, and the ids of the other rows by reason.

    A row is kept if it has an accepted answer, or if it is marked as unanswerable. Its demonstrated response is
    ignored.

    Args:
        dataset: rows in the columns of `rows.FEATURES`.

    Raises:
        UserError: if there is no such row.

    Example:
        >>> rows = [{"id": "a", "mode": "rag", "answers": ["Bern"], "answerable": True},
        ...         {"id": "a#closed_book", "mode": "closed_book", "answers": ["Bern"], "answerable": True},
        ...         {"id": "b", "mode": "rag", "answers": [], "answerable": True}]
        >>> kept, others = rewardable(Dataset.from_list(rows))
        >>> kept["id"][:], others
        (['a'], {'a further row of its question': ['a#closed_book'], 'no accepted answer': ['b']})
    """
    if len(dataset) == 0:
        raise UserError("the dataset has no rows", "see `skipped` in the manifest for the reasons")
    kept: dict[str, int] = {}
    others: dict[str, list[str]] = {}
    for place, row in enumerate(dataset.select_columns(["id", "mode", "answers", "answerable"])):
        asked = FURTHER.sub("", str(row["id"]))
        if asked in kept or row["mode"] == "closed_book":
            others.setdefault("a further row of its question", []).append(str(row["id"]))
        elif row["answerable"] and not row["answers"]:
            others.setdefault("no accepted answer", []).append(str(row["id"]))
        else:
            kept[asked] = place
    counts = ", ".join(f"{len(ids)} {reason}" for reason, ids in others.items())
    if not kept:
        raise UserError(
            f"none of {len(dataset)} rows can be rewarded ({counts})",
            "add accepted answers, or mark questions without an answer with answerable: false",
        )
    if others:
        logger.warning("%d of %d rows are not asked: %s", len(dataset) - len(kept), len(dataset), counts)
    return dataset.select(list(kept.values())), others
