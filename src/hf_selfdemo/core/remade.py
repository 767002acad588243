"""Folders whose files are made anew each time: those of an earlier time go, files of somebody else stay."""

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
"""Hashes of the files that were written into a folder: what else lies there is somebody else's."""


@contextmanager
def remade(folder: Path) -> Iterator[Path]:
    """A new empty folder to write into, whose files then take the place of those that were written before.

    Args:
        folder: where the files end up, with a record of what was written (`RECORD`).

    Raises:
        UserError: if one of them would replace a file that was not written here, or was changed since.
    """
    with staged_folder(folder) as staging:
        yield staging
        new = {path.relative_to(staging): content_hash(path) for path in _files(staging)}
        theirs, record = strangers(folder), folder / RECORD
        if in_the_way := sorted(path for path in theirs if path.relative_to(folder) in new):
            raise not_ours(in_the_way[0])
        old = [path for path in _files(folder) if path not in theirs and path.relative_to(folder) not in new]
        write_json(record, {"written": sorted({*_written(folder), *new.values()})})  # both, should it be stopped here
        for name in new:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (staging / name).chmod(0o644)
            put_in_place(staging / name, folder / name)
        for path in old:
            path.unlink()
        write_json(record, {"written": sorted({*new.values()})})


@contextmanager
def alone(folder: Path) -> Iterator[Path]:
    """A new empty folder beside one that several runs share, to make that in: they wait for each other.

    What killed starts left half written beside it is removed.

    Args:
        folder: what is being made; the caller looks again whether it is there by now, and puts the new one in place.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    name = folder.parent / f".{folder.name}.lock"
    with FileLock(name):
        try:
            sweep(list(folder.parent.glob(f".{folder.name}.*{STAGING}")))
            with staged_folder(folder) as staging:
                yield staging
        finally:
            name.unlink(missing_ok=True)  # while it is held: who opened it before sees that its name is gone


def strangers(folder: Path) -> set[Path]:
    """The files in a folder that `remade` did not write there, or that were changed since."""
    known = _written(folder)
    return {path for path in _files(folder) if content_hash(path) not in known}


def not_ours(path: Path) -> UserError:
    """That a file of somebody else is where one is to be written."""
    return UserError(f"{path} was not written by this run, or was changed since", "move it elsewhere")


def _files(folder: Path) -> list[Path]:
    found = (path for path in folder.rglob("*") if path.is_file() or path.is_symlink())
    return sorted(path for path in found if path != folder / RECORD)


def _written(folder: Path) -> set[str]:
    return set(read_json(folder / RECORD, Written, missing_ok=True).get("written", ()))
