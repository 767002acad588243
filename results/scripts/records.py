"""What a study keeps of its runs, and how it is read again.

records/rows.json      the rows of each set (test, squad, dev) by id: flags and source, once for all runs
records/<name>.json    a run: where it comes from, what it cost, and its labels
records/base.json      the base model's labels, which every run measures anew

Labels are strings, a letter a row, in the order of the sorted ids: c(orrect), i(ncorrect), a(bstain), u(nscored), and
a dot where a mode did not ask the row; the mode `rag_at_point` is that of the model at its operating point. `withheld`
are the labels of answers that a model was made to give where it abstained, and `signals` numbers in the same order,
about the withheld answer where there is one and about the reply elsewhere; a dot where there is none. Flags are
a(nswerable), p(resent: a shown passage holds the answer) and t(win: a leave-gold-out row), or a dash. A run that was
shown passages of its own has rows of its own (`own_rows`). Every figure of the tables and plots follows from these
files alone.
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


def withheld_letters(rows: Mapping[str, Row], predictions: Sequence[Prediction]) -> str:
    """The labels of withheld answers, as `lettered`; empty where there is none."""
    letters = lettered(rows, [replace(p.withheld, id=p.id) for p in predictions if p.withheld])
    return letters if letters.strip(NOT_TOLD) else ""


def signal_lines(rows: Mapping[str, Row], predictions: Sequence[Prediction]) -> dict[str, str]:
    """The signals of the attempts by name, each a line of numbers in the order of the sorted ids.

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
    """Those of each row, as `signal_lines` wrote them."""
    columns = {name: line.split(" ") for name, line in lines.items()}
    return [
        tuple((name, float(column[place])) for name, column in columns.items() if column[place] != NOT_TOLD)
        for place in range(count)
    ]


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
            raise UserError("there are no records", "make them with results/scripts/collect.py, or restore them")

    def runs(self, row: str, which: str) -> list[Record]:
        """The runs of one row of the tables that were evaluated on a set, by seed."""
        found = [r for r in self.records.values() if r["row"] == row and which in r["evaluations"]]
        return sorted(found, key=lambda record: -1 if record["seed"] is None else record["seed"])

    def replies(self, record: Record, which: str, mode: str, twins: bool = False) -> list[Prediction]:
        """The labelled replies of a run, by id: on the natural rows of a set, or with the twins as well.

        Returns:
            Predictions without their texts, with the signals of their attempts; none if the run has not been asked in
            this mode.
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
            if found["rows"] != rows_hash(_own_rows(found) or rows.get(which, {})):
                raise UserError(f"{name}.json is about other {which} rows than rows.json", "collect the runs again")
    return Study(rows, records)


def _own_rows(found: Mapping[str, Any]) -> dict[str, Row]:
    """Those of a run that was shown passages of its own, ids sorted."""
    own: Mapping[str, str] = found.get("own_rows", {})
    return {name: unpacked(own[name]) for name in sorted(own)}


def _read(path: Path) -> Any:
    try:
        return read_json(path)
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}", "restore it, or collect the runs again") from None
