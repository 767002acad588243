"""What the study keeps of its runs, and how it is read again.

records/rows.json      the rows of each set (test, squad, dev) by id: flags and source, once for all runs
records/<name>.json    a run: where it comes from, what it cost, and its labels
records/base.json      the base model's labels, which every run measures anew

Labels are strings, a letter a row, in the order of the sorted ids: c(orrect), i(ncorrect), a(bstain), u(nscored), and
a dot where a mode did not ask the row. Flags are a(nswerable), p(resent: a shown passage holds the answer) and
t(win: a leave-gold-out row), or a dash. Every figure of the tables follows from these files alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import fingerprint, read_json
from hf_selfdemo.core.types import Label, Prediction

HERE = Path(__file__).parent
RECORDS = HERE / "records"

LETTERS: dict[Label, str] = {"correct": "c", "incorrect": "i", "abstain": "a", "unscored": "u"}
NOT_ASKED = "."
_LABELS: dict[str, Label] = {letter: label for label, letter in LETTERS.items()}
_FLAGS = "apt"

Record = dict[str, Any]


class Row(NamedTuple):
    """What the figures need to know of a row; `answerable` is False for a twin, as in a `Prediction`."""

    answerable: bool
    answer_in_context: bool
    gold_removed: bool
    source: str


def packed(row: Row) -> str:
    """A row as it stands in `rows.json`.

    Example:
        >>> packed(Row(True, True, False, "nq"))
        'ap- nq'
    """
    flags = "".join(letter if flag else "-" for letter, flag in zip(_FLAGS, row[:3], strict=True))
    return f"{flags} {row.source}"


def unpacked(text: str) -> Row:
    """The row that `packed` wrote.

    Example:
        >>> unpacked("--t nq").gold_removed
        True
    """
    flags, _, source = text.partition(" ")
    answerable, present, twin = (flag != "-" for flag in flags)
    return Row(answerable, present, twin, source)


def rows_hash(rows: Mapping[str, Row]) -> str:
    """What a record says of the rows that its labels belong to."""
    return fingerprint({name: packed(row) for name, row in rows.items()})


def lettered(rows: Mapping[str, Row], predictions: Sequence[Prediction]) -> str:
    """The labels of one mode, a letter a row, in the order of the sorted ids."""
    labels = {p.id: LETTERS[p.label] for p in predictions}
    return "".join(labels.get(name, NOT_ASKED) for name in sorted(rows))


@dataclass(frozen=True)
class Study:
    """All records.

    `rows` are by set and id, ids sorted; `records` by name.
    """

    rows: Mapping[str, Mapping[str, Row]]
    records: Mapping[str, Record]

    def refuse_empty(self) -> None:
        """Raises UserError if there is no record: nothing should be made from none."""
        if not self.records:
            raise UserError("there are no records", "make them with results/study/collect.py, or restore them")

    def runs(self, row: str, which: str) -> list[Record]:
        """The runs of one row of the tables that were evaluated on a set, by seed."""
        found = [r for r in self.records.values() if r["row"] == row and which in r["evaluations"]]
        return sorted(found, key=lambda record: -1 if record["seed"] is None else record["seed"])

    def replies(self, record: Record, which: str, mode: str, twins: bool = False) -> list[Prediction]:
        """The labelled replies of a run, by id: on the natural rows of a set, or with the twins as well.

        Returns:
            Predictions without their texts; none if the run has not been asked in this mode.
        """
        letters = record["evaluations"][which]["labels"].get(mode, "")
        return [
            Prediction(name, "rag", "", _LABELS[letter], row.answerable, row.answer_in_context, row.source)
            for (name, row), letter in zip(self.rows[which].items(), letters, strict=False)
            if letter != NOT_ASKED and (twins or not row.gold_removed)
        ]


def read_study(folder: Path = RECORDS) -> Study:
    """Read the records that `collect.py` wrote.

    Args:
        folder: where they are; an empty or missing one is a study without runs.

    Raises:
        UserError: if a record's labels are not about the rows that are there.
    """
    path = folder / "rows.json"
    packed_rows: Mapping[str, Mapping[str, str]] = _read(path) if path.exists() else {}
    rows = {which: {name: unpacked(found[name]) for name in sorted(found)} for which, found in packed_rows.items()}
    records = {p.stem: _read(p) for p in sorted(folder.glob("*.json")) if p != path}
    for name, record in records.items():
        for which, found in record["evaluations"].items():
            if which not in rows or found["rows"] != rows_hash(rows[which]):
                raise UserError(f"{name}.json is about other {which} rows than rows.json", "collect the runs again")
    return Study(rows, records)


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}", "restore it, or collect the runs again") from None
