"""Warn of evaluated questions that a model was trained on: its figures on these say nothing about new questions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.types import Evidence
from hf_selfdemo.training.preflight.content import normalised, overlapping


def trained_on_warnings(evidence: Sequence[Evidence], models: Mapping[str, Path], part: str) -> Iterator[str]:
    """A warning for each model whose run has evaluated questions among its demonstrations.

    Args:
        evidence: the rows to evaluate.
        models: by column, the folder of each trained model. The demonstrations are looked up beside it, and a model
            without them is not checked.
        part: "dev" or "test".
    """
    asked = [{"id": row.id, "question": row.question.text} for row in evidence if not row.gold_removed]
    for name, folder in models.items():
        found = overlapping(asked, normalised(_questions(folder.parent / "demonstrations" / "train.parquet")))
        if found:
            yield (
                f"warning: {name!r} was trained on {len(found)} of the {len(asked)} {part} questions (the first is "
                f"{found[0]!r}), so its figures are too good: name other {part}_questions, or train again"
                + (" with held_out_share" if part == "dev" else "")
            )


def _questions(path: Path) -> list[Any]:
    """The questions of demonstrations; none if the file is missing or damaged, which is reported elsewhere."""
    import pyarrow.parquet

    try:
        return pyarrow.parquet.read_table(path, columns=["question"]).column("question").to_pylist()
    except (OSError, ValueError):
        return []
