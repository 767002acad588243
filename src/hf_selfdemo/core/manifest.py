"""Writes and reads manifests, which record how an artefact was made, completely or not at all."""

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
    """Write a JSON file completely or not at all."""
    write_text(path, json.dumps(content, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def write_checked_json(path: Path, content: Any) -> None:
    """Write a JSON file with a checksum over its content. `read_json` checks and removes the checksum."""
    told = json.loads(json.dumps(content))
    write_json(path, told | {_CHECKSUM: fingerprint(told)})


_CHECKSUM = "checksum"
_REMADE = "restore it from a copy, or delete it and run the command that wrote it again"


def read_json(path: str | Path, kind: Any = dict, *needed: str, missing_ok: bool = False) -> dict[str, Any]:
    """Read a JSON object from a file, such as one of `write_json`.

    Args:
        path: the file.
        kind: the expected type, as `kinds.mismatch` takes it, usually one of those in `artefacts`.
        needed: keys that must be present, besides the required keys of the type.
        missing_ok: return an empty object if the file does not exist.

    Raises:
        UserError: if the file does not contain a JSON object, was changed since `write_checked_json` wrote it, lacks a
            key, or has a value of a wrong type.
    """
    try:
        text = Path(path).read_bytes()
    except FileNotFoundError:
        if missing_ok:
            return {}
        raise
    return parse_object(text, str(path), kind, *needed)


def read_json_lines(path: Path, kind: Any = dict) -> Iterator[dict[str, Any]]:
    """Read the JSON objects of a file with one object per line.

    Args:
        path: the file.
        kind: the expected type of each object, as in `read_json`.

    Raises:
        UserError: for a line that is not a JSON object of this type.
    """
    with path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            yield parse_object(line, f"line {number} of {path}", kind)


def parse_object(text: bytes, where: str, kind: Any = dict, *needed: str) -> dict[str, Any]:
    """Parse a JSON object.

    Args:
        text: the text, in UTF-8.
        where: the file or line of the text, for messages.
        kind: as in `read_json`.
        needed: as in `read_json`.

    Raises:
        UserError: as `read_json` does.

    Example:
        >>> parse_object(b'{"rows": "7"}', "plan.json", dict[str, int])  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: plan.json is damaged, rows is '7', not a whole number: restore it from a ...
    """
    try:
        found = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where} is not JSON ({reason(error)})", _REMADE) from None
    if not isinstance(found, dict):
        raise UserError(f"{where} is not a JSON object", _REMADE)
    if (known := found.pop(_CHECKSUM, None)) is not None and known != fingerprint(found):
        raise UserError(f"{where} was changed since it was written", _REMADE)
    for key in needed:
        if key not in found:
            raise UserError(f"{where} is damaged, it has no {key!r}", _REMADE)
    if wrong := mismatch(found, kind):
        raise UserError(f"{where} is damaged, {wrong}", _REMADE)
    return found


def write_text(path: Path, text: str) -> None:
    """Write a text file completely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file(path) as out:
        out.write(text)


@contextmanager
def atomic_file(path: Path) -> Iterator[TextIO]:
    """Open a text file for writing. It appears under its name once it is complete, or not at all."""
    with staged(path) as staging, staging.open("w", encoding="utf-8") as out:
        yield out


STAGING = ".selfdemo-part"
"""The ending of files and folders that are being written. A killed process leaves them behind."""


@contextmanager
def staged_folder(path: Path) -> Iterator[Path]:
    """A temporary empty folder beside `path`. Whatever remains in it at the end is deleted."""
    path.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=STAGING))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def sweep(paths: Iterable[Path]) -> None:
    """Delete incomplete files and folders of killed runs.

    Args:
        paths: files and folders. Those with the ending `STAGING` are deleted. No process may be writing them.
    """
    for path in paths:
        if path.name.endswith(STAGING):
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


@contextmanager
def staged(path: Path) -> Iterator[Path]:
    """A temporary empty file beside `path`. It replaces `path` once it is complete and on the disk."""
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
    """Rename a complete file or folder. Even after a power failure, it is complete or missing.

    Args:
        staging: the file or folder, on the same file system.
        path: its new name. A file of this name is replaced.
    """
    to_disk(staging)
    os.replace(staging, path)
    _sync(path.parent)


def to_disk(path: Path) -> None:
    """Wait until a file or folder is on the disk, so that another file may refer to it."""
    for found in (*path.rglob("*"), path):
        if found.is_file() or found.is_dir():
            _sync(found)


def _sync(path: Path) -> None:
    with suppress(OSError) if path.is_dir() else nullcontext():  # not every system can sync folders
        handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def versions(more: Iterable[str] = ()) -> dict[str, str]:
    """The versions of Python and of the libraries that affect results.

    Args:
        more: further libraries that affect this result.
    """
    found = {"python": platform.python_version()}
    for package in (*PACKAGES, *more):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def file_hash(path: Path) -> str:
    """The SHA-256 of a file's content."""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while block := handle.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fingerprint(content: Any) -> str:
    """A short hash of any value that JSON can represent.

    Example:
        >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
        True
    """
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def rows_fingerprint(rows: Iterable[Any]) -> str:
    """The `fingerprint` of a list of rows, without having the list in memory.

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
