"""Claims to calls in flight, so that only one of all threads and processes makes a call.

A claim is a lock on one byte of a file. The system releases it when its process dies. Such locks work between processes
but not between threads, and a process loses all its locks when it closes the file anywhere. So a process opens the file
only once, and remembers the claims of its own threads.
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
    """Claims to calls, by key. All objects with the same path share them, in this process and in others.

    Args:
        path: the file for the locks. The first claim creates it, and nothing is written into it.

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
        """Claim `key`. Returns False if another thread or process has the claim."""
        name, place = self._name(), _place(key)
        with _guard:
            file = _files.get(name)
            if file and place in file.held:
                return False
            if not file:
                file = _files[name] = _File(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644))
            try:
                _lock(file.handle, place, True)
            except (BlockingIOError, PermissionError):  # systems raise one or the other if the byte is locked
                self._close_unused(name)
                return False
            file.held.add(place)
            return True

    def release(self, key: str) -> None:
        """Release a claim after the call is stored or has failed."""
        name, place = self._name(), _place(key)
        with _guard:
            _lock(_files[name].handle, place, False)
            _files[name].held.remove(place)
            self._close_unused(name)

    def _name(self) -> tuple[int, str]:
        return os.getpid(), str(self.path)  # a forked process does not inherit locks

    def _close_unused(self, name: tuple[int, str]) -> None:
        if not _files[name].held:
            os.close(_files.pop(name).handle)


class _File:
    """An open file and the positions that this process has locked in it."""

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self.held: set[int] = set()


_files: dict[tuple[int, str], _File] = {}
_guard = threading.Lock()


def _place(key: str) -> int:
    """The position of a key's lock. Two keys may share one, and then one call waits needlessly for the other."""
    return zlib.crc32(key.encode()) & 0x7FFFFFFF
