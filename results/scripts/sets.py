"""The rows that all runs of a study were asked, and the base model's replies to them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from records import Row, lettered, packed, rows_hash, signal_lines, withheld_letters

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT, PLAIN, Evaluation

_OTHERS = "collect it together with other runs"
_AGAIN = "evaluate one of them again with the other's options; replies in the ledger are reused"

Replies = Mapping[str, Sequence[Prediction]]
"""Predictions by mode."""


@dataclass
class Sets:
    """The rows of each set, which are the same for all runs, and the base model's replies to them."""

    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    asked: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    base: dict[str, dict[str, Sequence[Prediction]]] = field(default_factory=dict)
    asking: dict[str, dict[str, dict[str, int]]] = field(default_factory=dict)
    differs: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, name: str, which: str, evaluation: Evaluation) -> None:
        """Add an evaluation. The first one defines the rows of a set, and all others are compared with it.

        Raises:
            UserError: if the rows, the settings or the judge differ from those of the first run.
        """
        rows, how = rows_of(evaluation), evaluation.manifest["settings"] | _judge(evaluation)
        first, first_how = self.asked.setdefault(which, (name, how))
        known = self.rows.setdefault(which, rows)
        differing = [key for key in {**how, **first_how} if how.get(key) != first_how.get(key)]
        differing += [f"row {row!r}" for row in sorted({*rows, *known}) if rows.get(row) != known.get(row)][:1]
        if differing:
            raise UserError(f"{first} and {name} differ on {which} in {', '.join(differing)}", _AGAIN)
        asked = self.asking.setdefault(which, {})
        if "base" in evaluation.columns:
            self._take_base(name, which, replies_of(evaluation, "base"))
            asked |= asking_of(evaluation, "base") | asked
        if PLAIN in evaluation.columns:
            self._take_base(name, which, {"plain": evaluation.column(PLAIN).predictions["rag"]})
            plain = asking_of(evaluation, PLAIN)
            asked |= ({"plain": plain["rag"]} if plain else {}) | asked

    def own_rows(self, name: str, which: str, evaluation: Evaluation) -> dict[str, Row]:
        """The rows of a run that retrieves its own passages, with the same questions, settings and judge.

        Its base model also saw these passages, so its replies are not compared with those of the other runs.

        Raises:
            UserError: if anything but the passages differs, or there is no other run to compare it with.
        """
        rows, how = rows_of(evaluation), evaluation.manifest["settings"] | _judge(evaluation)
        if which not in self.asked:
            raise UserError(f"{name} retrieves its own passages, and no other run was evaluated on {which}", _OTHERS)
        (first, first_how), known = self.asked[which], self.rows[which]
        differing = [key for key in {**how, **first_how} if key != "evidence" and how.get(key) != first_how.get(key)]
        differing += ["questions"] if _questions(rows) != _questions(known) else []
        if differing:
            raise UserError(f"{first} and {name} differ on {which} in {', '.join(differing)}", _AGAIN)
        return rows

    def _take_base(self, name: str, which: str, replies: Replies) -> None:
        """Keep the first run's base labels and count those that differ in later runs, e.g. because of rounding."""
        for mode, predictions in replies.items():
            known = self.base.setdefault(which, {}).setdefault(mode, predictions)
            labels = {p.id: p.label for p in known}
            if count := sum(labels.get(p.id) != p.label for p in predictions):
                self.differs.setdefault(name, {})[f"{which} {mode}"] = count

    def evaluated(
        self, which: str, replies: Replies, own_rows: Mapping[str, Row] | None = None, **about: Any
    ) -> dict[str, Any]:
        """The part of a record about the replies of one model to a set.

        Args:
            which: the set.
            replies: the replies, by mode.
            own_rows: the rows of a model with its own passages.
            about: further fields of the record.
        """
        rows = self.rows[which] if own_rows is None else own_rows
        own = {mode: replies[mode] for mode in ("rag", "plain") if mode in replies}
        attempts = {
            "withheld": {mode: withheld_letters(rows, predictions) for mode, predictions in own.items()},
            "signals": {mode: signal_lines(rows, predictions) for mode, predictions in own.items()},
        }
        return {
            "rows": rows_hash(rows),
            **({} if own_rows is None else {"own_rows": {name: packed(row) for name, row in own_rows.items()}}),
            "asked": self.asked[which][1],
            "labels": {mode: lettered(rows, predictions) for mode, predictions in replies.items()},
            **{name: kept for name, by_mode in attempts.items() if (kept := _there(by_mode))},
            **about,
        }


def _there(by_mode: Mapping[str, Any]) -> dict[str, Any]:
    return {mode: told for mode, told in by_mode.items() if told}


def rows_of(evaluation: Evaluation) -> dict[str, Row]:
    """The rows of an evaluation, sorted by id, with the flags of its predictions."""
    twins = {row.id for row in evaluation.evidence.values() if row.gold_removed}
    first = evaluation.column(evaluation.columns[0]).predictions["rag"]
    found = {p.id: Row(p.answerable, p.answer_in_context, p.id in twins, p.source) for p in first}
    return dict(sorted(found.items()))


def tuned_column(evaluation: Evaluation) -> str:
    """The column of the trained model, of its last round if there are several; empty if there is none."""
    trained = [name for name in evaluation.columns if name not in ("base", PLAIN) and not name.endswith(AT_POINT)]
    return max(trained, key=lambda name: (len(name), name), default="")


def replies_of(evaluation: Evaluation, column: str) -> Replies:
    """The replies of a model by mode; its operating point is a separate mode."""
    found = dict(evaluation.column(column).predictions)
    if column + AT_POINT in evaluation.columns:
        found["rag" + AT_POINT] = evaluation.column(column + AT_POINT).predictions["rag"]
    return found


def asking_of(evaluation: Evaluation, column: str) -> dict[str, dict[str, int]]:
    """Questions, calls and tokens of answering, by mode as in `replies_of`.

    Empty for evaluations of earlier versions, which did not count them.
    """
    told = evaluation.manifest.get("asking", {})
    at_point = told.get(column + AT_POINT, {})
    return told.get(column, {}) | ({"rag" + AT_POINT: at_point["rag"]} if "rag" in at_point else {})


def _questions(rows: Mapping[str, Row]) -> dict[str, str]:
    """The properties of the rows as retrieved that do not depend on the passages, by id."""
    return {name: f"{row.answerable} {row.source}" for name, row in rows.items() if not row.gold_removed}


def _judge(evaluation: Evaluation) -> dict[str, Any]:
    """The judge of the replies.

    Raises:
        UserError: if columns have different judges, as with a column left over from an earlier evaluation.
    """
    first, *others = evaluation.manifest["judges"].items()
    for name, judge in others:
        if judge != first[1]:
            raise UserError(
                f"{evaluation.folder}: {first[0]} and {name} have different judges", "evaluate all models again"
            )
    return {f"judge's {key}": value for key, value in first[1].items()}
