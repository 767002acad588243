"""Calls in flight, by their key: of all threads and processes that want one, a single one makes it.

The claim to a call is a lock on one byte of a file, which the system releases when its holder dies. Such locks hold
between processes and not between threads, and all of a process go when it closes the file anywhere. So a process opens
a file once, and knows what its own threads hold.
"""

from __future__ import annotations

import os
import sys
import threading
import zlib
from pathlib import Path

if sys.platform == "win32":
    import msvcrt

    def _lock(handle: int, place: int, on: bool) -> None:
        os.lseek(handle, place, os.SEEK_SET)
        msvcrt.locking(handle, msvcrt.LK_NBLCK if on else msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _lock(handle: int, place: int, on: bool) -> None:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB if on else fcntl.LOCK_UN, 1, place)


class InFlight:
    """Claims to calls. Every object on one path shares them, in this process and in others.

    Args:
        path: a file of its own for this, made with the first claim; nothing is ever written into it.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "calls"
        >>> InFlight(path).claim("k"), InFlight(path).claim("k")
        (True, False)
        >>> InFlight(path).release("k")
        >>> InFlight(path).claim("k")
        True
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()

    def claim(self, key: str) -> bool:
        """Whether nobody had a claim to `key`; the caller has it now."""
        name, place = self._name(), _place(key)
        with _guard:
            file = _files.get(name)
            if file and place in file.held:
                return False
            if not file:
                file = _files[name] = _File(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644))
            try:
                _lock(file.handle, place, True)
            except (BlockingIOError, PermissionError):  # either is what systems say of a place that is locked
                self._close_unused(name)
                return False
            file.held.add(place)
            return True

    def release(self, key: str) -> None:
        """Give back a claim, when the call is recorded or has failed."""
        name, place = self._name(), _place(key)
        with _guard:
            _lock(_files[name].handle, place, False)
            _files[name].held.remove(place)
            self._close_unused(name)

    def _name(self) -> tuple[int, str]:
        return os.getpid(), str(self.path)  # a fork holds nothing of what its parent holds

    def _close_unused(self, name: tuple[int, str]) -> None:
        if not _files[name].held:
            os.close(_files.pop(name).handle)


class _File:
    """An open file and the places that this process has locked in it."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.held: set[int] = set()


_files: dict[tuple[int, str], _File] = {}
_guard = threading.Lock()


def _place(key: str) -> int:
    """Where the lock of a key is. Two keys may share a place: then one call waits for the other for nothing."""
    return zlib.crc32(key.encode()) & 0x7FFFFFFF
