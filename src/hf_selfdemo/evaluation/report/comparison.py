"""The input of a report: the replies of several models to the same rows, and how each model was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hf_selfdemo.core.types import Evidence, Prediction


@dataclass(frozen=True)
class Column:
    """One model with its predictions by mode.

    `record` says how the model was made and what it cost: `models`, `judges`, `usage`, `reused`, `asking` as in
    manifests, and `training` from the manifest of its training; any may be missing.
    """

    name: str
    predictions: Mapping[str, Sequence[Prediction]]
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparison:
    """Models with replies to the same rows; all others are compared with the first.

    `evidence` has the rows by id, for the examples; a row without evidence is counted but never shown. `provenance` is
    what all columns share: settings, hashes, seeds. `fits_mix` says that these rows serve to choose settings, so that a
    mix of signals may be fitted to them.

    Raises:
        ValueError: if two columns do not have the same rows in the same order in some mode.
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
        """Predictions by column and mode, the input of the table."""
        return {c.name: {mode: c.predictions[mode] for mode in self.modes} for c in self.columns}

    @property
    def asking(self) -> dict[str, Mapping[str, Mapping[str, int]]]:
        """The cost of answering by column and mode, where it is known."""
        return {c.name: c.record.get("asking", {}) for c in self.columns}
