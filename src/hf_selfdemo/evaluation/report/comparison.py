"""What a report compares: models on the same rows, and where each of them comes from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_selfdemo.core.types import Evidence, Prediction


@dataclass(frozen=True)
class Column:
    """One model.

    `predictions` are by mode. `record` tells what is known of its making and cost: `models`, `judges`, `usage`,
    `reused`, `asking` (as in manifests), `training` (what its manifest says); any may be missing.
    """

    name: str
    predictions: Mapping[str, Sequence[Prediction]]
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Models on the same rows; all others are compared with the first.

    `evidence` is by row, for reading; rows that it lacks are counted and not shown. `provenance` is what all columns
    share: settings, hashes, seeds. `fits_mix`: the rows serve to choose settings, and a mix of signals may be fitted
    to them.

    Raises:
        ValueError: if in some mode two columns do not have the same rows in the same order.
    """

    title: str
    columns: Sequence[Column]
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    fits_mix: bool = False

    def __post_init__(self) -> None:
        for mode in self.modes:
            rows = {tuple(p.id for p in column.predictions[mode]) for column in self.columns}
            if len(rows) > 1:
                raise ValueError(f"the columns do not have the same {mode} rows in the same order")

    @property
    def modes(self) -> list[str]:
        """The modes that every column has."""
        modes = [set(column.predictions) for column in self.columns]
        return [mode for mode in ("rag", "closed_book") if all(mode in found for found in modes)]

    @property
    def runs(self) -> dict[str, dict[str, Sequence[Prediction]]]:
        """Predictions by column and mode, as the table takes them."""
        return {c.name: {mode: c.predictions[mode] for mode in self.modes} for c in self.columns}

    @property
    def asking(self) -> dict[str, Mapping[str, Mapping[str, int]]]:
        """What answering cost, by column and mode, as far as it is known."""
        return {c.name: c.record.get("asking", {}) for c in self.columns}
