"""`hf-selfdemo runs`: list the runs in a folder, compare runs, or remove one."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.console import in_units, read_line, say, show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.verbs.lock import held, is_locked
from hf_selfdemo.verbs.run_folders import Run, removable, run_at, runs_in

USAGE = """\
usage: hf-selfdemo runs list [FOLDER]
       hf-selfdemo runs compare RUN RUN [RUN ...] [--on dev]
       hf-selfdemo runs remove RUN [--yes]

list prints the runs in FOLDER (default: runs): how far each has come, and the figures of its trained models with
passages.
compare compares evaluated runs with the first of them, on the same questions, and writes a report into the first
one's folder. A run is a folder, or NAME=FOLDER:COLUMN to choose its name and its column, such as base=runs/a:base.
--on dev compares evaluations on the dev questions.
remove shows what it would remove, asks, and removes it. It keeps the generation cache (ledger.sqlite) and indexes,
because other runs may use them, and every file that no command wrote. --yes skips the question.
"""

_FIGURES = {
    "accuracy": "correct",
    "hallucination_rate": "incorrect",
    "f_score": "F-score",
    "abstention_recall": "abstention recall",
    "false_refusals": "false refusals",
}


def run_runs(arguments: Sequence[str]) -> None:
    """Run `runs list`, `runs compare` or `runs remove`.

    Raises:
        UserError: for arguments that `USAGE` does not list, or a folder that is not a run.
    """
    match list(arguments):
        case [] | [*_, "-h" | "--help"]:
            show(USAGE.rstrip())
        case ["list"]:
            list_runs(Path("runs"))
        case ["list", folder]:
            list_runs(Path(folder))
        case ["compare", *runs, "--on", "dev"] | ["compare", "--on", "dev", *runs]:
            compare_runs(runs, "dev")
        case ["compare", *runs]:
            compare_runs(runs, "test")
        case ["remove", run, "--yes"] | ["remove", "--yes", run]:
            remove_run(Path(run), True)
        case ["remove", run]:
            remove_run(Path(run), False)
        case ["list" | "remove", *_]:
            raise UserError(
                f"`runs {' '.join(arguments)}` has the wrong number of arguments", "see `hf-selfdemo runs -h`"
            )
        case [other, *_]:
            raise UserError(f"unknown argument {other!r} of runs", did_you_mean(other, ["list", "compare", "remove"]))


def list_runs(folder: Path) -> None:
    """Print a line for each run in a folder. For a run with damaged files, also print what is wrong.

    Raises:
        UserError: if there is no such folder.
    """
    from rich.table import Table

    runs = runs_in(folder)
    if not runs:
        return say(f"there are no runs in {folder}")
    names = [str(run.folder.relative_to(folder)) if run.folder != folder else str(folder) for run in runs]
    table = Table("run", "state", "method", "model", "column", *_FIGURES.values())
    table.columns[0].overflow = "fold"  # a shortened name could not be used in a command
    for column in table.columns[-len(_FIGURES) :]:
        column.justify = "right"
    for name, run in zip(names, runs, strict=True):
        try:
            about, by_column, running = run.about(), run.figures(), is_locked(run.folder)
        except UserError as error:
            say(str(error))
            table.add_row(name, "damaged")
            continue
        method = about["method"] + (f" ({about['objective']})" if about["objective"] not in ("", "sft") else "")
        cells = [name, "running" if running else run.state, method, Path(about["model"]).name]
        for column_name, figures in (by_column or {"": {}}).items():
            table.add_row(*cells, column_name, *(_cell(figures.get(key)) for key in _FIGURES))
            cells = [""] * len(cells)  # further models of the same run
    show(table, 200)


def compare_runs(runs: Sequence[str], part: str) -> None:
    """Compare evaluated runs with the first, as `evaluate --compare` does.

    Args:
        runs: folders, or name=folder:column.
        part: "test" or "dev".

    Raises:
        UserError: if there is only one, or they cannot be compared.
    """
    from hf_selfdemo.verbs.compare import compare_columns

    if len(runs) < 2:
        raise UserError(
            "one run cannot be compared with itself", "name two or more: hf-selfdemo runs compare runs/a runs/b"
        )
    columns = [text if "=" in text else f"{_column_name(text)}={text}" for text in runs]
    compare_columns(columns, part, Path(columns[0].partition("=")[2].partition(":")[0]))


def _column_name(run: str) -> str:
    """The name of a run's column, if the user gives it none.

    Example:
        >>> _column_name("runs/a"), _column_name("runs/a:model-2")
        ('a', 'a-model-2')
    """
    folder, _, column = run.partition(":")
    return "-".join([Path(folder).resolve().name, *([column] if column else [])])


def remove_run(folder: Path, yes: bool) -> None:
    """Remove what commands wrote into a run's folder except caches and indexes, and the folder if it is then empty.

    Args:
        folder: the folder of the run.
        yes: remove without asking.

    Raises:
        UserError: if it is not a run, a command is running there, or there is no terminal to ask.
    """
    if folder.is_symlink():
        raise UserError(f"{folder} is a symbolic link to {folder.resolve()}", "name the folder itself")
    run = run_at(folder)
    with held(folder):
        found = removable(run)
        kept = sorted(path for path in folder.iterdir() if path not in found and path.name != ".lock")
        for what, paths in (("remove", found), ("keep", kept)):
            for path in paths:
                say(f"{what:6}  {path}  {in_units(_size(path))}")
        if not yes and not _confirmed(run):
            return say("nothing was removed")
        for path in found:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    say(f"removed {folder}" if not folder.exists() else f"removed; {folder} keeps {', '.join(p.name for p in kept)}")


def _confirmed(run: Run) -> bool:
    answer = read_line(f"Remove {run.folder}? [y/N] ")
    if answer is None:
        raise UserError(f"{run.folder} was not removed, because nobody confirmed it", "add --yes")
    return answer.strip().casefold() in ("y", "yes")


def _size(path: Path) -> int:
    """Size in bytes of a file, or of the files in a folder. A symbolic link counts 0."""
    if path.is_symlink():
        return 0
    return path.stat().st_size if path.is_file() else sum(_size(inner) for inner in path.iterdir())


def _cell(figure: Any) -> str:
    value = (figure or {}).get("value")
    return "" if value is None else f"{value:.2f}"
