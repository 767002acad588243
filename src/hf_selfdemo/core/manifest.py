"""What an artefact was made of, written beside it, whole or not at all."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, TextIO

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.kinds import mismatch

PACKAGES = ("hf-selfdemo", "torch", "transformers", "trl", "peft", "datasets", "bm25s", "tokenizers", "accelerate")


def write_json(path: Path, content: Any) -> None:
    """Write JSON, whole or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def write_checked_json(path: Path, content: Any) -> None:
    """The same for what is told of an artefact, with a checksum over it, which `read_json` looks at and takes out."""
    told = json.loads(json.dumps(content))
    write_json(path, told | {_CHECKSUM: fingerprint(told)})


_CHECKSUM = "checksum"
_REMADE = "bring back a copy, or remove it and run again what wrote it"


def read_json(path: str | Path, kind: Any = dict, *needed: str, missing_ok: bool = False) -> dict[str, Any]:
    """A JSON object from a file, such as `write_json` leaves.

    Args:
        path: of the file.
        kind: what it must be, as `kinds.mismatch` takes it: mostly one of `artefacts`.
        needed: keys that must be there, besides those without which it is not of its kind.
        missing_ok: give an empty object where there is no file.

    Raises:
        UserError: if the file holds none, other values than were written (where `write_checked_json` wrote them), or
            something is missing or of another kind.
    """
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        if missing_ok:
            return {}
        raise
    return parse_object(text, str(path), kind, *needed)


def read_json_lines(path: Path, kind: Any = dict) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file that holds one a line.

    Args:
        path: of the file.
        kind: what each must be, as in `read_json`.

    Raises:
        UserError: for a line that holds none, or one of another kind.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            yield parse_object(line, f"line {number} of {path}", kind)


def parse_object(text: bytes, where: str, kind: Any = dict, *needed: str) -> dict[str, Any]:
    """The JSON object that a text is.

    Args:
        text: in UTF-8.
        where: it stands, for messages.
        kind: as in `read_json`.
        needed: as in `read_json`.

    Raises:
        UserError: as `read_json`.

    Example:
        >>> parse_object(b'{"rows": "7"}', "plan.json", dict[str, int])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: plan.json is damaged, rows is '7', not a whole number: bring back a copy, ...
    """
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON ({reason(error)})", _REMADE) from None
    if not isinstance(found, dict):
        raise UserError(f"{where} is not a JSON object", _REMADE)
    if (known := found.pop(_CHECKSUM, None)) is not None and known != fingerprint(found):
        raise UserError(f"{where} is not as it was written", _REMADE)
    for key in needed:
        if key not in found:
            raise UserError(f"{where} is damaged, it has no {key!r}", _REMADE)
    if wrong := mismatch(found, kind):
        raise UserError(f"{where} is damaged, {wrong}", _REMADE)
    return found


def write_text(path: Path, text: str) -> None:
    """Write a file so that a reader, or a kill, never meets half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as out:
        out.write(text)


@contextmanager
def atomic_file(path: Path) -> Iterator[TextIO]:
    """A text file to write to, which appears under its name when all is written, or not at all."""
    with staged(path) as staging, staging.open("w", encoding="utf-8") as out:
        yield out


STAGING = ".selfdemo-part"
"""How the names of files and folders end that are being written. A kill leaves them behind."""


@contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """A new empty folder beside `path` to write into; what is still there in the end is removed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=STAGING))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def sweep(paths: Iterable[Path]) -> None:
    """Remove what killed starts left half written.

    Args:
        paths: files and folders, of which those named so go. Nobody may be writing them any more.
    """
    for path in paths:
        if path.name.endswith(STAGING):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A new empty file beside `path` to write to, which takes its place when all is written and on the disk."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.", suffix=STAGING)
    os.close(handle)
    staging = Path(name)
    try:
        yield staging
        staging.chmod(0o644)
        put_in_place(staging, path)
    except BaseException:
        staging.unlink(missing_ok=True)
        raise


def put_in_place(staging: Path, path: Path) -> None:
    """Rename a file or folder that is whole; after a loss of power, too, it is whole or not there.

    Args:
        staging: what was written, on the same file system.
        path: its name from now on; a file of that name is replaced.
    """
    to_disk(staging)
    os.replace(staging, path)
    _sync(path.parent)


def to_disk(path: Path) -> None:
    """Wait until a file, or all that a folder holds, is on the disk: before anything is written that tells of it."""
    for found in (*path.rglob("*"), path):
        if found.is_file() or found.is_dir():
            _sync(found)


def _sync(path: Path) -> None:
    with suppress(OSError) if path.is_dir() else nullcontext():  # not every system knows it of folders
        handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """Python and the libraries that decide what comes out: an explicit list, never the environment.

    Args:
        more: libraries that decide this alone.
    """
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, *more):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def file_hash(path: Path) -> str:
    """SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(content: Any) -> str:
    """A short hash of anything JSON can hold.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def rows_fingerprint(rows: Iterable[Any]) -> str:
    """What `fingerprint` gives for a list of them, without holding the list.

    Example:
        >>> rows_fingerprint(iter([{"b": 2}, {"a": 1}])) == fingerprint([{"b": 2}, {"a": 1}])
        True
    """
    digest, before = hashlib.sha256(b"["), ""
    for row in rows:
        digest.update((before + json.dumps(row, sort_keys=True, default=str)).encode())
        before = ", "
    digest.update(b"]")
    return digest.hexdigest()[:16]
