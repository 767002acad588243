"""Folders whose files are replaced by each run. Files that no run wrote are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock

from hf_selfdemo.core.artefacts import Written
from hf_selfdemo.core.cache import content_hash
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import STAGING, put_in_place, read_json, staged_folder, sweep, write_json

RECORD = ".written.json"
"""The file with the hashes of all files that runs wrote into a folder. Other files are the user's own."""


@contextmanager
def remade(folder: Path) -> Iterator[Path]:
    """A temporary empty folder, whose files replace those of the previous run at the end.

    Args:
        folder: the folder for the files and the record of them (`RECORD`).

    Raises:
        UserError: if a new file would replace a file that no run wrote, or that was changed since.
    """
    with staged_folder(folder) as staging:
        yield staging
        new = {path.relative_to(staging): content_hash(path) for path in _files(staging)}
        theirs, record = strangers(folder), folder / RECORD
        if in_the_way := sorted(path for path in theirs if path.relative_to(folder) in new):
            raise not_ours(in_the_way[0])
        old = [path for path in _files(folder) if path not in theirs and path.relative_to(folder) not in new]
        write_json(record, {"written": sorted({*_written(folder), *new.values()})})  # both, in case of a kill
        for name in new:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).chmod(0o644)
            put_in_place(staging / name, folder / name)
        for path in old:
            path.unlink()
        write_json(record, {"written": sorted({*new.values()})})


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """A temporary empty folder beside one that several runs share, under a lock, so that only one run makes it.

    Incomplete folders of killed runs are deleted.

    Args:
        folder: the shared folder. The caller checks again whether it exists by now, and moves the new one in place.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = folder.parent / f".{folder.name}.lock"
    with FileLock(name):
        try:
            sweep(list(folder.parent.glob(f".{folder.name}.*{STAGING}")))
            with staged_folder(folder) as staging:
                yield staging
        finally:
            name.unlink(missing_ok=True)  # under the lock: a process that waits for it sees that the file is gone


def strangers(folder: Path) -> set[Path]:
    """The files in a folder that `remade` did not write, or that were changed since."""
    known = _written(folder)
    return {path for path in _files(folder) if content_hash(path) not in known}


def not_ours(path: Path) -> UserError:
    """The error for a file of the user that would be replaced."""
    return UserError(f"{path} was not written by this run, or was changed since", "move the file elsewhere")


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return sorted(path for path in found if path != folder / RECORD)


def _written(folder: Path) -> set[str]:
    return set(read_json(folder / RECORD, Written, missing_ok=True).get("written", ()))
