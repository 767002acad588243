"""Calls of many machines in one shared folder. Each process appends to its own file, and all processes read all files.

SQLite needs locks. Network file systems do not lock reliably, and object storage has no locks. Here no file has two
writers, so no lock is needed. A call is one line of JSON with the checksum of the ledger's row. An incomplete line of a
killed process is ignored.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.ledger import Call, is_as_written

_ENDING = ".jsonl"
_OBJECT_BYTES = 1 << 18
"""The size in bytes from which no more calls are added to an object, and a new object is started."""


class CallFiles:
    """The folder with the files of calls. Any process can read and write it at any time.

    Args:
        folder: a path, or a URL of fsspec (`s3://bucket/run`). Below a path, calls are appended to files. Object
            storage cannot append, so an object is uploaded again with each call until it has 256 kB.

    Example:
        >>> import tempfile; from hf_selfdemo.core.ledger import Ledger; from hf_selfdemo.core.types import Reply
        >>> folder = tempfile.mkdtemp()
        >>> ledger = Ledger(Path(folder) / "ledger.sqlite")
        >>> _ = ledger.put("k", "tiny", "rag", "q1", Reply("Paris"))
        >>> for call in ledger.all_but([]):
        ...     CallFiles(folder).append(call)
        >>> [call[0] for call in CallFiles(folder)]
        ['k']
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder.rstrip("/")
        self._remote = "://" in folder
        self._writer: _Writer | None = None
        self._lock = threading.Lock()

    def append(self, call: Call) -> None:
        """Store a call. When the method returns, the call is on the disk or in the object storage.

        Raises:
            UserError: if it cannot be written.
        """
        line = b"\n" + json.dumps(call).encode() + b"\n"  # the first "\n" ends a line that a full disk truncated
        with self._lock:
            self._writer = self._writer or self._opened()
        try:
            self._writer.write(line)
        except Exception as error:  # the libraries of storages raise their own kinds of errors
            raise self._unusable("written to", error) from error

    def check(self) -> None:
        """Check that this process can write to the folder.

        Raises:
            UserError: if it cannot.
        """
        writer = self._opened()
        try:
            writer.write(b"\n")
            writer.remove()
        except Exception as error:
            raise self._unusable("written to", error) from error

    def __iter__(self) -> Iterator[Call]:
        """All stored calls of all processes. Of two calls with the same key, the one in the earlier file comes first.

        Raises:
            UserError: if a file cannot be read, or contains a call that was changed since it was written.
        """
        try:
            files, path = _file_system(self.folder)
            found = files.ls(path, detail=False) if files.exists(path) else []
        except Exception as error:
            raise self._unusable("read", error) from error
        for name in sorted(name for name in found if name.endswith(_ENDING)):
            yield from self._calls_of(files, name)

    def _calls_of(self, files: Any, name: str) -> Iterator[Call]:
        try:
            with files.open(name, "rb") as lines:
                for line in lines:
                    call = _call(line)
                    if call and not is_as_written(call):
                        what = f"{name} contains a call that was changed since it was written"
                        raise UserError(what, "delete the file, or restore it from a copy")
                    if call:
                        yield call
        except UserError:
            raise
        except Exception as error:
            raise self._unusable("read", error) from error

    def _opened(self) -> _Writer:
        name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        try:
            return _Objects(self.folder, name) if self._remote else _File(self.folder, name)
        except Exception as error:
            raise self._unusable("written to", error) from error

    def _unusable(self, how: str, error: Exception) -> UserError:
        said = error.strerror if isinstance(error, OSError) and error.strerror else reason(error)
        remedy = "check that every worker can write there, then run the same command again: finished calls are kept"
        return UserError(f"ray_ledgers {self.folder} cannot be {how} ({said})", remedy)


class _Writer(Protocol):
    def write(self, line: bytes) -> None: ...

    def remove(self) -> None: ...


class _File:
    """A file to which calls are appended."""

    def __init__(self, folder: str, name: str) -> None:
        self._path = Path(folder) / f"{name}{_ENDING}"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._path.open("ab", buffering=0)
        self._lock = threading.Lock()

    def write(self, line: bytes) -> None:
        with self._lock:
            left = memoryview(line)
            while left:
                left = left[self._file.write(left) :]
            os.fsync(self._file.fileno())

    def remove(self) -> None:
        self._file.close()
        self._path.unlink()


class _Objects:
    """Objects that are uploaded as a whole. A line that another thread has just uploaded is not uploaded again."""

    def __init__(self, folder: str, name: str) -> None:
        self._files, path = _file_system(folder)
        self._name = f"{path}/{name}"
        self._lines: list[bytes] = []
        self._number = self._added = self._uploaded = 0
        self._adding, self._uploading = threading.Lock(), threading.Lock()

    def write(self, line: bytes) -> None:
        with self._adding:
            self._lines.append(line)
            self._added += 1
            mine = self._added
        with self._uploading:
            if mine <= self._uploaded:
                return
            with self._adding:
                lines, added = list(self._lines), self._added
            content = b"".join(lines)
            self._files.pipe_file(self._path(), content)
            self._uploaded = added
            if len(content) >= _OBJECT_BYTES:
                with self._adding:
                    self._lines, self._number = self._lines[len(lines) :], self._number + 1

    def remove(self) -> None:
        self._files.rm_file(self._path())

    def _path(self) -> str:
        return f"{self._name}-{self._number:06}{_ENDING}"


def _file_system(folder: str) -> tuple[Any, str]:
    """The file system of a folder, and the folder's path in it."""
    from fsspec.core import url_to_fs

    files, path = url_to_fs(folder, use_listings_cache=False)
    return files, path.rstrip("/")


def _call(line: bytes) -> Call | None:
    """The call in a line, or None if the line is empty or incomplete."""
    try:
        found = json.loads(line) if line.strip() else None
    except ValueError:
        return None
    return tuple(found) if isinstance(found, list) else None
