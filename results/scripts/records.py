"""The records that a study keeps of its runs: their format, and how they are read.

records/rows.json      the rows of each set (test, squad, dev) by id: flags and source, stored once for all runs
records/<name>.json    a run: its origin, its costs and its labels
records/base.json      the base model's labels, although every run asks the base model again

Labels are strings with one letter per row, in the order of the sorted ids: c(orrect), i(ncorrect), a(bstain),
u(nscored), and a dot if the row was not asked in this mode. The mode `rag_at_point` is the model at its operating
point. `withheld` are the labels of withheld answers, i.e. of answers that a model had to give although it abstained.
`signals` are numbers in the same order, of the withheld answer if there is one and of the reply otherwise; a dot stands
for no value. Flags are a(nswerable), p(resent: a passage contains the answer) and t(win: a leave-gold-out row), or a
dash. A run whose model saw passages of its own has rows of its own (`own_rows`). All tables and plots are made from
these files alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import fingerprint, read_json
from hf_selfdemo.core.types import Label, Prediction, Signals

LETTERS: dict[Label, str] = {"correct": "c", "incorrect": "i", "abstain": "a", "unscored": "u"}
NOT_ASKED = NOT_TOLD = "."
_LABELS: dict[str, Label] = {letter: label for label, letter in LETTERS.items()}
_FLAGS = "apt"

Record = dict[str, Any]


class Row(NamedTuple):
    """The properties of a row that figures depend on; `answerable` is False for a twin, as in a `Prediction`."""

    answerable: bool
    answer_in_context: bool
    gold_removed: bool
    source: str


def packed(row: Row) -> str:
    """A row as text, as in `rows.json`.

    Example:
        >>> packed(Row(True, True, False, "nq"))
        'ap- nq'
    """
    flags = "".join(letter if flag else "-" for letter, flag in zip(_FLAGS, row[:3], strict=True))
    return f"{flags} {row.source}"


def unpacked(text: str) -> Row:
    """The row that a text of `packed` stands for.

    Example:
        >>> unpacked("--t nq").gold_removed
        True
    """
    flags, _, source = text.partition(" ")
    answerable, present, twin = (flag != "-" for flag in flags)
    return Row(answerable, present, twin, source)


def rows_hash(rows: Mapping[str, Row]) -> str:
    """A hash of rows. A record contains that of the rows that its labels belong to."""
    return fingerprint({name: packed(row) for name, row in rows.items()})


def lettered(rows: Mapping[str, Row], predictions: Sequence[Prediction]) -> str:
    """The labels of one mode, one letter per row, in the order of the sorted ids."""
    labels = {p.id: LETTERS[p.label] for p in predictions}
    return "".join(labels.get(name, NOT_ASKED) for name in sorted(rows))


def withheld_letters(rows: Mapping[str, Row], predictions: Sequence[Prediction]) -> str:
    """The labels of withheld answers, as in `lettered`; empty if there are none."""
    letters = lettered(rows, [replace(p.withheld, id=p.id) for p in predictions if p.withheld])
    return letters if letters.strip(NOT_TOLD) else ""


def signal_lines(rows: Mapping[str, Row], predictions: Sequence[Prediction]) -> dict[str, str]:
    """The signals of the attempts by name, each as a line of numbers in the order of the sorted ids.

    Example:
        >>> said = [Prediction("1", "rag", "Bern", "correct", True, True, signals=(("logprob", -0.25),))]
        >>> signal_lines({"1": unpacked("ap- nq"), "2": unpacked("a-- nq")}, said)
        {'logprob': '-0.25 .'}
    """
    told = {p.id: dict((p.withheld or p).signals) for p in predictions}
    names = sorted({name for signals in told.values() for name in signals})
    return {name: " ".join(_number(told.get(row, {}).get(name)) for row in sorted(rows)) for name in names}


def _number(value: float | None) -> str:
    return NOT_TOLD if value is None else f"{value:.4g}"


def _signals(lines: Mapping[str, str], count: int) -> list[Signals]:
    """The signals of each row, read from the lines of `signal_lines`."""
    columns = {name: line.split(" ") for name, line in lines.items()}
    return [
        tuple((name, float(column[place])) for name, column in columns.items() if column[place] != NOT_TOLD)
        for place in range(count)
    ]


@dataclass(frozen=True)
class Study:
    """All records of a study.

    `rows` are by set and id, with sorted ids; `records` are by name.
    """

    rows: Mapping[str, Mapping[str, Row]]
    records: Mapping[str, Record]

    def refuse_empty(self) -> None:
        """Raise UserError if there are no records, so that no empty tables or plots are made."""
        if not self.records:
            raise UserError("there are no records", "make them with results/scripts/collect.py, or restore them")

    def runs(self, row: str, which: str) -> list[Record]:
        """The runs of one row of the tables that were evaluated on a set, sorted by seed."""
        found = [r for r in self.records.values() if r["row"] == row and which in r["evaluations"]]
        return sorted(found, key=lambda record: -1 if record["seed"] is None else record["seed"])

    def replies(self, record: Record, which: str, mode: str, twins: bool = False) -> list[Prediction]:
        """The labelled replies of a run to a set, sorted by id; to its twins only if `twins` is set.

        Returns:
            Predictions without their texts, with the signals of their attempts; empty if the run was not asked in this
            mode.
        """
        found = record["evaluations"][which]
        rows = _own_rows(found) or self.rows[which]
        letters = found["labels"].get(mode, "")
        withheld = found.get("withheld", {}).get(mode) or NOT_TOLD * len(letters)
        signals = _signals(found.get("signals", {}).get(mode, {}), len(letters))
        return [
            _prediction(name, row, *said)
            for (name, row), *said in zip(rows.items(), letters, withheld, signals, strict=False)
            if said[0] != NOT_ASKED and (twins or not row.gold_removed)
        ]


def _prediction(name: str, row: Row, letter: str, withheld: str, signals: Signals) -> Prediction:
    said = Prediction(name, "rag", "", _LABELS[letter], row.answerable, row.answer_in_context, row.source)
    if withheld == NOT_TOLD:
        return replace(said, signals=signals)
    return replace(said, withheld=replace(said, label=_LABELS[withheld], signals=signals))


def read_study(folder: Path) -> Study:
    """Read the records that `collect.py` wrote.

    Args:
        folder: the folder of the records. If it is empty or missing, the study has no runs.

    Raises:
        UserError: if a record's labels belong to other rows than those of `rows.json`.
    """
    path = folder / "rows.json"
    packed_rows: Mapping[str, Mapping[str, str]] = _read(path) if path.exists() else {}
    rows = {which: {name: unpacked(found[name]) for name in sorted(found)} for which, found in packed_rows.items()}
    records = {p.stem: _read(p) for p in sorted(folder.glob("*.json")) if p != path}
    for name, record in records.items():
        for which, found in record["evaluations"].items():
            if found["rows"] != rows_hash(_own_rows(found) or rows.get(which, {})):
                raise UserError(f"{name}.json belongs to other {which} rows than rows.json", "collect the runs again")
    return Study(rows, records)


def _own_rows(found: Mapping[str, Any]) -> dict[str, Row]:
    """The rows of a run whose model saw passages of its own, sorted by id; empty for other runs."""
    own: Mapping[str, str] = found.get("own_rows", {})
    return {name: unpacked(own[name]) for name in sorted(own)}


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}", "restore it, or collect the runs again") from None
