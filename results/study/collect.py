"""Small records of the study's runs, from which every table and plot can be made again without them.

    python results/study/collect.py runs/study [--predictions base self_demo-1]

Folders are named `<row>-<seed>`; `<row>-<seed>-squad` holds an evaluation on SQuAD alone, and `ablation-<name>-<seed>`
is an ablation. A run's `evaluation` counts for the set `test` and its `evaluation_dev` for `dev`. All runs must have
been asked the same rows of a set, with the same prompts, and judged alike: otherwise nothing is written. A record that
comes out as it was stays as it is, with the commit and the machine of its first collection.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from origin import commit, machine
from records import HERE, RECORDS, Record, Row, lettered, packed, rows_hash
from told import demonstrations_told, keys_told, training_told, usage_told, versions_told

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_json, write_text
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import PLAIN, Evaluation

_NAME = re.compile(r"(?P<row>.+?)-(?P<seed>\d+)(?P<squad>-squad)?")
_WHENCE = ("package", "machine")
"""What a record says of its collection rather than of its run."""

_AGAIN = "evaluate one of them again with the other's keys; replies that are in the ledger are not asked for again"

Replies = Mapping[str, Sequence[Prediction]]
"""Predictions by mode."""


@dataclass(frozen=True)
class Run:
    """A finished run in its folder: the row and seed that its name says, and its evaluations by set."""

    folder: Path
    row: str
    seed: int
    evaluations: Mapping[str, Evaluation]


@dataclass
class Sets:
    """The rows of each set, the same for all runs, and how the base model did on them."""

    rows: dict[str, dict[str, Row]] = field(default_factory=dict)
    asked: dict[str, tuple[str, dict[str, Any]]] = field(default_factory=dict)
    base: dict[str, dict[str, Sequence[Prediction]]] = field(default_factory=dict)
    differs: dict[str, dict[str, int]] = field(default_factory=dict)

    def take(self, name: str, which: str, evaluation: Evaluation) -> None:
        """Take the rows of a set from its first run, and compare all others with them.

        Raises:
            UserError: if a run was asked other rows, in another way, or was judged by another judge.
        """
        rows, how = rows_of(evaluation), evaluation.manifest["settings"] | _judge(evaluation)
        first, first_how = self.asked.setdefault(which, (name, how))
        known = self.rows.setdefault(which, rows)
        differing = [key for key in {**how, **first_how} if how.get(key) != first_how.get(key)]
        differing += [f"row {row!r}" for row in sorted({*rows, *known}) if rows.get(row) != known.get(row)][:1]
        if differing:
            raise UserError(f"{first} and {name} differ on {which} in {', '.join(differing)}", _AGAIN)
        if "base" in evaluation.columns:
            self._take_base(name, which, evaluation.column("base").predictions)
        if PLAIN in evaluation.columns:
            self._take_base(name, which, {"plain": evaluation.column(PLAIN).predictions["rag"]})

    def _take_base(self, name: str, which: str, replies: Replies) -> None:
        """Every run asks the base model anew; rounding may tip a label, which is counted."""
        for mode, predictions in replies.items():
            known = self.base.setdefault(which, {}).setdefault(mode, predictions)
            labels = {p.id: p.label for p in known}
            if count := sum(labels.get(p.id) != p.label for p in predictions):
                self.differs.setdefault(name, {})[f"{which} {mode}"] = count

    def evaluated(self, which: str, replies: Replies, **about: Any) -> dict[str, Any]:
        """What a record keeps of the replies of one model to a set."""
        rows = self.rows[which]
        labels = {mode: lettered(rows, predictions) for mode, predictions in replies.items()}
        return {"rows": rows_hash(rows), "asked": self.asked[which][1], "labels": labels, **about}


def collect(
    runs: Path, target: Path, whence: Mapping[str, Any], shown: Iterable[str] = (), texts: Path | None = None
) -> list[str]:
    """Write the records of all finished runs below a folder.

    Args:
        runs: the folder of the runs' folders.
        target: where the records go.
        whence: `package` and `machine`, as `origin` tells them.
        shown: runs, or `base`, whose replies are written with their texts.
        texts: where those go; default is `predictions` beside `target`.

    Returns:
        A line for each folder: what was written, or why nothing was.

    Raises:
        UserError: if runs cannot be compared, or a name in `shown` is none.
    """
    found, lines = find_runs(runs)
    sets, records = Sets(), {}
    for run in found:
        for which, evaluation in run.evaluations.items():
            sets.take(run.folder.name, which, evaluation)
    for run in found:
        if all(tuned_column(evaluation) for evaluation in run.evaluations.values()):
            records[run.folder.name] = record_of(run, sets)
    if sets.base:
        records["base"] = _base_record(sets)
    replies = {name: _texts(name, found, sets) for name in shown}
    write_json(target / "rows.json", {w: {i: packed(row) for i, row in rows.items()} for w, rows in sets.rows.items()})
    for name, record in records.items():
        _write(target / f"{name}.json", record, whence)
    for name, by_mode in replies.items():
        write_text((texts or target.parent / "predictions") / f"{name}.jsonl", _lines(by_mode))
    written = [f"{name}: {', '.join(record['evaluations'])}" for name, record in records.items()]
    return lines + written + [f"{name} is of an earlier collection and stays" for name in _others(target, records)]


def _others(target: Path, records: Mapping[str, Record]) -> list[str]:
    """Records that are of no run of this collection."""
    return sorted(path.name for path in target.glob("*.json") if path.stem not in {"rows", *records})


def find_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """The finished runs below a folder, and a line for every other folder."""
    if not folder.is_dir():
        raise UserError(f"{folder} is no folder", "name the one that holds the runs, e.g. runs/study")
    runs, lines = [], []
    for path in sorted(p for p in folder.iterdir() if p.is_dir()):
        match = _NAME.fullmatch(path.name)
        places = (
            {"squad": "evaluation"} if match and match["squad"] else {"test": "evaluation", "dev": "evaluation_dev"}
        )
        done = {w: Evaluation(path / place) for w, place in places.items() if (path / place / "manifest.json").exists()}
        if match and done:
            runs.append(Run(path, match["row"], int(match["seed"]), done))
        else:
            lines.append(f"{path.name} is left out: {'not evaluated so far' if match else 'no <row>-<seed>'}")
    return runs, lines


def rows_of(evaluation: Evaluation) -> dict[str, Row]:
    """The rows of an evaluation by id, sorted; flags are those that its predictions are counted by."""
    twins = {row.id for row in evaluation.evidence.values() if row.gold_removed}
    first = evaluation.column(evaluation.columns[0]).predictions["rag"]
    found = {p.id: Row(p.answerable, p.answer_in_context, p.id in twins, p.source) for p in first}
    return dict(sorted(found.items()))


def tuned_column(evaluation: Evaluation) -> str:
    """The model that was trained; of several rounds the last. Empty if the base model alone was evaluated."""
    trained = [name for name in evaluation.columns if name not in ("base", PLAIN)]
    return max(trained, key=lambda name: (len(name), name), default="")


def record_of(run: Run, sets: Sets) -> Record:
    """All that the tables need of one run."""
    evaluations, told = {}, []
    for which, evaluation in run.evaluations.items():
        column = tuned_column(evaluation)
        usage = usage_told(evaluation.manifest, column)
        recall = evaluation.manifest["recall"]
        replies = evaluation.column(column).predictions
        evaluations[which] = sets.evaluated(which, replies, usage=usage, recall=recall)
        told.append(evaluation.manifest)
    made, trained = (_manifest(run.folder / stage) for stage in ("demonstrations", "model"))
    _refuse_other_seed(run, trained)
    recipe = f"recipes/study/{run.row}.yaml"
    return {
        "name": run.folder.name,
        "row": run.row,
        "seed": run.seed,
        "recipe": recipe if (HERE.parents[1] / recipe).exists() else "",
        "keys": keys_told(made, trained, told[0]),
        "versions": versions_told([made, trained, *told]),
        "demonstrations": demonstrations_told(made),
        "training": training_told(trained),
        "evaluations": evaluations,
    }


def _base_record(sets: Sets) -> Record:
    evaluations = {which: sets.evaluated(which, replies) for which, replies in sets.base.items()}
    return {"name": "base", "row": "base", "seed": None, "differs": sets.differs, "evaluations": evaluations}


def _judge(evaluation: Evaluation) -> dict[str, Any]:
    """Who labelled the replies; the same for all columns, or an earlier one stayed in the folder."""
    first, *others = evaluation.manifest["judges"].items()
    for name, judge in others:
        if judge != first[1]:
            raise UserError(
                f"{evaluation.folder}: {first[0]} and {name} have other judges", "evaluate all models again"
            )
    return {f"judge's {key}": value for key, value in first[1].items()}


def _refuse_other_seed(run: Run, trained: Mapping[str, Any]) -> None:
    seed = trained.get("settings", {}).get("seed", run.seed)
    if seed != run.seed:
        raise UserError(f"{run.folder.name} was trained with seed {seed}", "rename its folder, or train with its seed")


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    return read_json(path) if path.exists() else {}


def _write(path: Path, record: Record, whence: Mapping[str, Any]) -> None:
    before = read_json(path) if path.exists() else {}
    now = json.loads(json.dumps(record))
    same = {key: value for key, value in before.items() if key not in _WHENCE} == now
    write_json(path, now | {key: before[key] if same else whence[key] for key in _WHENCE})


def _texts(name: str, runs: Sequence[Run], sets: Sets) -> Replies:
    """The replies of a run, or of the base model, to the test rows, by mode."""
    known: dict[str, Replies] = {"base": sets.base["test"]} if "test" in sets.base else {}
    for run in runs:
        evaluation = run.evaluations.get("test")
        if evaluation and (column := tuned_column(evaluation)):
            known[run.folder.name] = evaluation.column(column).predictions
    if name not in known:
        raise UserError(f"predictions: {name!r} is no run that was evaluated on test", "known are " + ", ".join(known))
    return known[name]


def _lines(replies: Replies) -> str:
    rows = (
        {"id": p.id, "mode": mode, "text": p.text, "label": p.label}
        for mode, predictions in replies.items()
        for p in predictions
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write small records of the study's runs.")
    parser.add_argument("runs", type=Path, help="the folder that holds the runs, e.g. runs/study")
    parser.add_argument("--records", type=Path, default=RECORDS, help="where the records go; default %(default)s")
    parser.add_argument(
        "--predictions",
        nargs="*",
        default=[],
        metavar="NAME",
        help="write their replies to test, too, beside the records",
    )
    parser.add_argument("--machine", help="in words, where the runs were made, if it was not here")
    given = parser.parse_args()
    try:
        whence = {"package": commit(), "machine": given.machine or machine()}
        print(*collect(given.runs, given.records, whence, given.predictions), sep="\n")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
