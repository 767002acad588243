"""Writes small records of a study's runs, from which all tables and plots can be made without the runs.

    python results/scripts/collect.py results/study runs/study [--predictions base self_demo-1]

Folders are named `<row>-<seed>`. `<row>-<seed>-squad` contains only an evaluation on SQuAD, and
`ablation-<name>-<seed>` is an ablation. A run's `evaluation` is its result on the set `test`, its `evaluation_dev` that
on `dev`. A column whose name ends in `_at_point` is the same model at its operating point; its labels are kept in the
same record. All runs must have the same rows in a set, the same prompts and the same judge; otherwise nothing is
written. Rows that `own_passages.yaml` names may have other passages. If a new record equals the old one, the file keeps
the commit and the machine of its first collection.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from folders import StudyFolder
from origin import commit, machine
from records import Record, packed
from sets import Replies, Sets, asking_of, replies_of, tuned_column
from told import demonstrations_told, keys_told, training_told, usage_told, versions_told

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_json, write_text
from hf_selfdemo.evaluation.evaluated import Evaluation

_NAME = re.compile(r"(?P<row>.+?)-(?P<seed>\d+)(?P<squad>-squad)?")
_WHENCE = ("package", "machine")
"""Fields of a record that describe its collection and not its run."""


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, the row and the seed from the folder's name, and its evaluations by set."""

    folder: Path
    row: str
    seed: int
    evaluations: Mapping[str, Evaluation]


def collect(study: StudyFolder, runs: Path, whence: Mapping[str, Any], shown: Iterable[str] = ()) -> list[str]:
    """Write the records of all finished runs below a folder.

    Args:
        study: the study's folder, where records and replies are written.
        runs: the folder that contains the runs' folders.
        whence: `package` and `machine`, as the functions of `origin` return them.
        shown: names of runs, or `base`, whose replies are written with their texts.

    Returns:
        One line per folder: what was written, or why nothing was written.

    Raises:
        UserError: if runs cannot be compared, or a name in `shown` is not a run.
    """
    found, lines = find_runs(runs)
    sets, records = Sets(), {}
    own = study.own_passages
    for run in found:
        for which, evaluation in run.evaluations.items() if run.row not in own else ():
            sets.take(run.folder.name, which, evaluation)
    for run in found:
        if any(map(tuned_column, run.evaluations.values())):
            records[run.folder.name] = record_of(run, sets, study.recipe(run.row), run.row in own)
    if sets.base:
        records["base"] = _base_record(sets)
    replies = {name: _texts(name, found, sets) for name in shown}
    target = study.records
    write_json(target / "rows.json", {w: {i: packed(row) for i, row in rows.items()} for w, rows in sets.rows.items()})
    for name, record in records.items():
        _write(target / f"{name}.json", record, whence)
    for name, by_mode in replies.items():
        write_text(study.predictions / f"{name}.jsonl", _lines(by_mode))
    written = [f"{name}: {', '.join(record['evaluations'])}" for name, record in records.items()]
    return lines + written + [f"{name} is from an earlier collection and stays" for name in _others(target, records)]


def _others(target: Path, records: Mapping[str, Record]) -> list[str]:
    """File names of records whose runs are not in this collection."""
    return sorted(path.name for path in target.glob("*.json") if path.stem not in {"rows", *records})


def find_runs(folder: Path) -> tuple[list[Run], list[str]]:
    """The finished runs below a folder, and one line for every other folder."""
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder", "name the folder that contains the runs, e.g. runs/study")
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
            lines.append(f"{path.name} is left out: {'not evaluated so far' if match else 'not named <row>-<seed>'}")
    return runs, lines


def record_of(run: Run, sets: Sets, recipe: str, own_passages: bool = False) -> Record:
    """The record of one run, with everything that the tables and plots need.

    Args:
        run: a finished run. An evaluation of the base model alone, as for fitting a gate, is left out of the record.
        sets: the rows that all runs were asked.
        recipe: path of the run's recipe, for the tables.
        own_passages: whether its model retrieved its own passages.
    """
    evaluations, told = {}, []
    for which, evaluation in run.evaluations.items():
        if not (column := tuned_column(evaluation)):
            continue
        rows = sets.own_rows(run.folder.name, which, evaluation) if own_passages else None
        asking = asking_of(evaluation, column)
        about = {"usage": usage_told(evaluation.manifest, column), "recall": evaluation.manifest["recall"]}
        about |= {"asking": asking} if asking else {}
        evaluations[which] = sets.evaluated(which, replies_of(evaluation, column), rows, **about)
        told.append(evaluation.manifest)
    made, trained = (_manifest(run.folder / stage) for stage in ("demonstrations", "model"))
    _refuse_other_seed(run, trained)
    return {
        "name": run.folder.name,
        "row": run.row,
        "seed": run.seed,
        "recipe": recipe,
        "keys": keys_told(made, trained, told[0]),
        "versions": versions_told([made, trained, *told]),
        "demonstrations": demonstrations_told(made),
        "training": training_told(trained),
        "evaluations": evaluations,
    }


def _base_record(sets: Sets) -> Record:
    asked = {which: {"asking": asking} for which, asking in sets.asking.items() if asking}
    evaluations = {
        which: sets.evaluated(which, replies, **asked.get(which, {})) for which, replies in sets.base.items()
    }
    return {"name": "base", "row": "base", "seed": None, "differs": sets.differs, "evaluations": evaluations}


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
        raise UserError(f"predictions: no run {name!r} was evaluated on test", "use one of " + ", ".join(known))
    return known[name]


def _lines(replies: Replies) -> str:
    rows = (
        {"id": p.id, "mode": mode, "text": p.text, "label": p.label}
        for mode, predictions in replies.items()
        for p in predictions
    )
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description="Write small records of a study's runs.")
    parser.add_argument("study", help="the study's folder, e.g. results/study")
    parser.add_argument("runs", type=Path, help="the folder that contains the runs, e.g. runs/study")
    parser.add_argument(
        "--predictions",
        nargs="*",
        default=[],
        metavar="NAME",
        help="also write the replies of these runs to the test set",
    )
    parser.add_argument("--machine", help="description of the machine of the runs, if it is not this one")
    given = parser.parse_args()
    try:
        whence = {"package": commit(), "machine": given.machine or machine()}
        print(*collect(StudyFolder.named(given.study), given.runs, whence, given.predictions), sep="\n")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
