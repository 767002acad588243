"""Writing and reading the folder of an evaluation.

rows.jsonl       every row that was asked, with the passages shown; shared by all columns
predictions/     the replies, one file per column and mode
manifest.json    settings, hashes of these files, and for each column its model, answerer, judge, cost and training
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, get_args

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.artefacts import Demonstrations, Evaluated, EvaluatedRow, Training
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.manifest import (
    atomic_file,
    file_hash,
    read_json,
    read_json_lines,
    versions,
    write_checked_json,
)
from hf_selfdemo.core.on_disk import OnDiskByKey
from hf_selfdemo.core.types import Evidence, Mode, Prediction
from hf_selfdemo.data.rows import evidence_of, evidence_row
from hf_selfdemo.evaluation.predict import rows_asked
from hf_selfdemo.evaluation.report import Column, Comparison
from hf_selfdemo.generation.tuned import weights_hash

PLAIN = "base_plain"
"""The column of the base model under a prompt that does not mention abstaining."""

AT_POINT = "_at_point"
"""Suffix of a column for a model at its operating point."""

_FOLDERS = {"test": "evaluation", "dev": "evaluation_dev"}

ROWS = "rows.jsonl"
_OF_ROWS = ("id", "question", "answers", "passages", "answer_in_context", "gold_removed", "answerable")
_ALWAYS = ("models", "judges", "usage", "reused", "training")
_LATER = ("answerers", "asking", "weights", "served")  # missing in earlier versions
_BY_COLUMN = (*_ALWAYS, *_LATER)
_AGAIN = "evaluate again; replies in the generation cache are reused"


def folder_for(part: str) -> str:
    """The subfolder of a run for the evaluation on a part of the data.

    Raises:
        UserError: for an unknown part.

    Example:
        >>> folder_for("test")
        'evaluation'
    """
    if part not in _FOLDERS:
        raise UserError(f"evaluate_on: {part!r} is unknown", did_you_mean(part, list(_FOLDERS)))
    return _FOLDERS[part]


@dataclass(frozen=True)
class Evaluation:
    """A finished evaluation in its folder.

    Raises:
        UserError: if there is none, or its files do not match its manifest.
    """

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """The manifest that `write_manifest` wrote."""
        path = self.folder / "manifest.json"
        if not path.exists():
            raise UserError(f"{self.folder} has no finished evaluation", "run `hf-selfdemo evaluate` first")
        found = read_json(path, Evaluated)
        if "files" not in found:
            raise UserError(f"{self.folder} is from an earlier version, which saved no rows", _AGAIN)
        return read_json(path, Evaluated, "title", *_ALWAYS)

    def told(self, *keys: str) -> list[Any]:
        """The manifest's values of keys that `manifest` does not check.

        Raises:
            UserError: if one of them is missing.
        """
        found = read_json(self.folder / "manifest.json", Evaluated, *keys)
        return [found[key] for key in keys]

    @cached_property
    def evidence(self) -> OnDiskByKey[Evidence]:
        """The rows by id, in the order in which they were asked."""
        rows = map(evidence_of, read_json_lines(self._checked(ROWS), EvaluatedRow))
        return OnDiskByKey((row.id, row) for row in rows)

    @property
    def columns(self) -> list[str]:
        """The models that were evaluated."""
        return list(self.manifest["judges"])

    def column(self, name: str) -> Column:
        """The replies of one model, and its record in the manifest.

        Raises:
            RowsLost: if a row that was asked has no reply in the column.
            UserError: if there is no such column, or its files have changed since.
        """
        if name not in self.columns:
            raise UserError(f"{self.folder} has no column {name!r}", "choose one of " + ", ".join(self.columns))
        paths = {mode: _path(name, mode) for mode in get_args(Mode)}
        found = {mode: path for mode, path in paths.items() if path in self.manifest["files"]}
        record = {key: self.manifest.get(key, {}).get(name, {}) for key in _BY_COLUMN}
        predictions = {mode: _predictions(self._checked(path)) for mode, path in found.items()}
        for mode, said in predictions.items():
            asked = rows_asked(self.evidence.rows, mode)
            account_for((row.id for row in asked), (one.id for one in said), f"writing {found[mode]}")
        return Column(name, predictions, record)

    def _checked(self, name: str) -> Path:
        path = self.folder / name
        if not path.exists() or file_hash(path) != self.manifest["files"].get(name):
            raise UserError(f"{path} has changed since the evaluation", _AGAIN)
        return path


def write_rows(folder: Path, evidence: Sequence[Evidence]) -> None:
    """Write the rows that are asked, with the passages shown."""
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_file(folder / ROWS) as out:
        for row in map(evidence_row, evidence):
            out.write(json.dumps({key: row[key] for key in _OF_ROWS}, ensure_ascii=False) + "\n")


def write_predictions(folder: Path, name: str, mode: str, predictions: Sequence[Prediction]) -> None:
    """Write one model's labelled replies in one mode; rare fields are written only where they are not empty."""
    path = folder / _path(name, mode)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as out:
        for row in map(asdict, predictions):
            out.write(json.dumps(_told(row), ensure_ascii=False) + "\n")


def write_manifest(
    folder: Path, modes: Sequence[str], by_column: dict[str, dict[str, Any]], about: dict[str, Any]
) -> None:
    """Write the manifest, which is the last file of an evaluation.

    It keeps the columns of earlier runs, so that models evaluated one after the other can be compared.

    Args:
        folder: folder of the evaluation.
        modes: modes of this run.
        by_column: for each kind of record a dict by column of this run: `judges`, and any of `models`, `answerers`,
            `usage`, `reused`, `asking` (cost of answering by mode), `training`, `weights` (their hash), and
            `served` (the model's name on a server).
        about: entries of the manifest that all columns share.
    """
    path = folder / "manifest.json"
    earlier = read_json(path, Evaluated, missing_ok=True)
    stay = [name for name in earlier.get("judges", {}) if name not in by_column["judges"]]
    columns: dict[str, dict[str, Any]] = {}
    for key in _BY_COLUMN:
        told = earlier.get(key, {})
        columns[key] = {name: told[name] for name in stay if name in told} | by_column.get(key, {})
    files = {name: digest for name, digest in earlier.get("files", {}).items() if _column_of(name) in stay}
    for name in [ROWS, *(_path(name, mode) for name in by_column["judges"] for mode in modes)]:
        files[name] = file_hash(folder / name)
    write_checked_json(path, {**about, **columns, "files": files, "versions": versions()})


def training_record(folder: Path | None) -> dict[str, Any]:
    """How the model in a folder was trained, from its manifest; empty if there is no manifest."""
    if folder is None or not (folder / "manifest.json").exists():
        return {}
    made = read_json(folder / "manifest.json", Training)
    settings, metrics = made.get("settings", {}), made.get("metrics", {})
    found: dict[str, Any] = {
        key: made[key] for key in ("base", "start_from", "rows_trained", "on_policy") if key in made
    }
    found |= {key: settings[key] for key in ("objective", "seed", "data") if key in settings}
    found |= {key: metrics[key] for key in ("train_runtime", "num_tokens") if key in metrics}
    found["weights"] = weights_hash(folder)
    return found | _demonstrations(folder.parent / "demonstrations" / "manifest.json", settings.get("data", ""))


def _demonstrations(path: Path, data: str) -> dict[str, Any]:
    """The record of the training demonstrations, if the folder beside the model still has the same ones."""
    made = read_json(path, Demonstrations, missing_ok=True)
    if not data or made.get("train.parquet") != data:
        return {}
    settings = made.get("settings", {})
    found: dict[str, Any] = {key: made[key] for key in ("rows_in", "demonstrations", "outcomes") if key in made}
    found |= {key: settings[key] for key in ("method", "demonstrate_seed") if key in settings}
    for kind in ("usage", "reused"):
        found[kind] = {key: value for key, value in made.get(kind, {}).items() if key != "by_stage"}
    return {"demonstrations": found}


def comparison_of(evaluation: Evaluation, names: Sequence[str]) -> Comparison:
    """The comparison of some columns of an evaluation, for a report."""
    manifest = evaluation.manifest
    shared = ("settings", "data", "recall", "judge", "models", "served", "versions")
    columns = [evaluation.column(name) for name in names]
    run = evaluation.folder.parent
    models = {name: _without_place(path, run) for name, path in manifest["models"].items()}
    served = {
        name: _without_place(model, run) if Path(model).is_absolute() else model
        for name, model in manifest.get("served", {}).items()
    }
    told = manifest | {"judge": manifest["judges"][names[0]], "models": models, "served": served}
    return Comparison(manifest["title"], columns, evaluation.evidence, {k: told[k] for k in shared if told.get(k)})


def _without_place(model: str, run: Path) -> str:
    """A model's path for reports, which other people read: relative to the run, or its last two parts."""
    if not model:
        return ""
    path = Path(model).resolve()
    inside = path.is_relative_to(run.resolve())
    return path.relative_to(run.resolve()).as_posix() if inside else "/".join(path.parts[-2:])


_SELDOM = ("trace", "signals", "withheld")


def _told(row: dict[str, Any]) -> dict[str, Any]:
    told = {key: value for key, value in row.items() if value or key not in _SELDOM}
    return told | ({"withheld": _told(row["withheld"])} if row["withheld"] else {})


def _path(name: str, mode: str) -> str:
    return f"predictions/{name}.{mode}.jsonl"


def _column_of(path: str) -> str:
    """The column of a predictions file; the inverse of `_path`."""
    return path.removeprefix("predictions/").removesuffix(".jsonl").rpartition(".")[0]


def _predictions(path: Path) -> list[Prediction]:
    with explained(f"{path} does not contain predictions", _AGAIN):
        return [_prediction(fields) for fields in read_json_lines(path, Prediction)]


def _prediction(fields: dict[str, Any]) -> Prediction:
    pairs = {name: tuple((key, value) for key, value in fields.get(name, ())) for name in ("trace", "signals")}
    withheld = _prediction(fields["withheld"]) if fields.get("withheld") else None
    return Prediction(**{**fields, **pairs, "withheld": withheld})
