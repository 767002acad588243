"""Find the folders of runs, the state of each, and the files that may be removed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import Demonstrations, Training
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean_file
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.verbs.lock import WRITTEN_INTO, variants

SHARED = ("ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm", "index", "frozen")
"""Files that other runs may use: the generation cache, indexes, and states of frozen layers."""

_STAGES = {
    "evaluated": ("evaluation/manifest.json",),
    "trained": ("model/manifest.json", "model-*/manifest.json", "retriever/manifest.json"),
    "training unfinished": ("model/run.json", "model-*/run.json", "retriever/run.json"),
    "demonstrated": ("demonstrations/manifest.json",),
    "demonstrations unfinished": ("demonstrations/run.json",),
    "evaluated on dev": ("evaluation_dev/manifest.json",),
    "questions written": ("documents/questions.json",),
    "documents read": ("documents/manifest.json",),
    "scored": ("scores/rows.jsonl",),
}
"""The states of a run, the last one first, with the files that show them."""

_DEEPEST = 2
"""Maximum number of folders between the listed folder and a run."""


@dataclass(frozen=True)
class Run:
    """A run in its folder."""

    folder: Path

    @property
    def state(self) -> str:
        """The state of the run by its files; "" for a folder that is not a run."""
        there = (state for state, files in _STAGES.items() if any(any(self.folder.glob(name)) for name in files))
        return next(there, "")

    def about(self) -> dict[str, str]:
        """Method, model and objective, as far as manifests name them.

        Raises:
            UserError: for a damaged manifest.
        """
        made = read_json(self.folder / "demonstrations" / "manifest.json", Demonstrations, missing_ok=True)
        folders = [*trained_folders(self.folder), self.folder / "retriever"]
        trained = read_json(folders[0] / "manifest.json", Training, missing_ok=True)
        return {
            "method": made.get("settings", {}).get("method", ""),
            "model": trained.get("base") or made.get("model", {}).get("name", ""),
            "objective": trained.get("settings", {}).get("objective", ""),
        }

    def figures(self) -> dict[str, dict[str, Any]]:
        """The figures with passages of each trained model, by its column in the evaluation.

        A variant that is not evaluated has its folder's name and no figures. If no trained model was evaluated, there
        is the last column of the evaluation.

        Raises:
            UserError: for a damaged file.
        """
        folder = self.folder / "evaluation"
        columns = read_json(folder / "figures.json", missing_ok=True).get("columns", {})
        models = read_json(folder / "manifest.json", missing_ok=True).get("models", {})
        asked = [name for name in columns if columns[name].get("rag")]
        shown = [name for name in asked if models.get(name)] or asked[-1:]
        evaluated = {Path(model).name for model in models.values()}
        missing = [path.name for path in variants(self.folder) if path.name not in evaluated]
        return {name: columns[name]["rag"] for name in shown} | {name: {} for name in missing}


def trained_folders(run: Path) -> list[Path]:
    """The folders of all finished trainings of a run: the first in `model`, variants by name.

    Args:
        run: the run's folder.
    """
    return [path for path in (run / "model", *variants(run)) if (path / "manifest.json").exists()]


def runs_in(folder: Path) -> list[Run]:
    """The runs in a folder, or the folder itself if it is a run, sorted by name. Folders inside a run are ignored.

    Raises:
        UserError: if there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"there is no folder {folder}", did_you_mean_file(folder, "name the folder of your runs"))
    return list(_runs(folder, _DEEPEST))


def run_at(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        UserError: if the folder is not a run.
    """
    run = Run(folder)
    if folder.is_dir() and run.state:
        return run
    remedy = "name a folder that `hf-selfdemo runs list` shows"
    raise UserError(f"{folder} is not a run", remedy if folder.is_dir() else did_you_mean_file(folder, remedy))


def removable(run: Run) -> list[Path]:
    """The files that commands wrote into a run's folder, except those that other runs may use."""
    named = [run.folder / name for name in WRITTEN_INTO if name not in SHARED]
    return [path for path in (*named, *variants(run.folder)) if _is_there(path)]


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _runs(folder: Path, depth: int) -> Iterator[Run]:
    if Run(folder).state:
        yield Run(folder)
    elif depth:
        for inner in sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink()):
            yield from _runs(inner, depth - 1)
