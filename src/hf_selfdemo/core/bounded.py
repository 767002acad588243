"""Limits the time and memory of untrusted code, such as a chat template."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]


_POLL_S = 0.25


class _Stopped(BaseException):
    """Raised in the thread that takes too long. It is no `Exception`, so that the untrusted code does not catch it."""


@contextmanager
def bounded(seconds: float, size: int) -> Iterator[None]:
    """Stop the block, in any thread, if it takes too long or too much memory.

    Args:
        seconds: the time limit. The block is stopped between two steps of Python, so a single long step is not
            interrupted.
        size: the most bytes that the block may use in addition to the process's memory. It is enforced only on Linux.

    Raises:
        TimeoutError: if the block takes too long.
        MemoryError: if the block needs more memory.

    Example:
        >>> with bounded(0.1, 2**30):
        ...     while True:
        ...         pass
        Traceback (most recent call last):
        ...
        TimeoutError: not done after 0.1 s
    """
    try:
        with _Clock(seconds), _room(size):
            yield
    except _Stopped:
        raise TimeoutError(f"not done after {seconds:g} s") from None


class _Clock:
    """Raises `_Stopped` in the thread that enters it, unless the thread leaves in time.

    A single watching thread serves all blocks, since starting one per block would cost more than most blocks. Either
    the leaving thread removes its entry, or the watching thread removes it and then raises the error.
    """

    _ends: ClassVar[dict[int, float]] = {}
    _watch: ClassVar[threading.Thread | None] = None

    def __init__(self, seconds: float) -> None:
        self._seconds, self._thread = seconds, threading.get_ident()

    def __enter__(self) -> None:
        self._ends[self._thread] = time.monotonic() + self._seconds
        if _Clock._watch is None or not _Clock._watch.is_alive():  # a forked process has no watching thread
            _Clock._watch = threading.Thread(target=self._look, name="bounded", daemon=True)
            _Clock._watch.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        while self._ends.pop(self._thread, None) is None and kind is not _Stopped:
            time.sleep(_POLL_S)  # the watching thread is raising the error

    @classmethod
    def _look(cls) -> None:
        while True:
            time.sleep(_POLL_S)
            for thread, end in list(cls._ends.items()):
                if end < time.monotonic() and cls._ends.pop(thread, None) is not None:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Stopped))


@contextmanager
def _room(size: int) -> Iterator[None]:
    """Limit the memory of the whole process, with all threads, to its current memory plus `size` bytes."""
    if resource is None or not _HELD.exists():
        yield
        return
    room = int(_HELD.read_text(encoding="ascii").split()[0]) * resource.getpagesize() + size
    soft, hard = _ALLOWED
    resource.setrlimit(resource.RLIMIT_AS, (room if soft == resource.RLIM_INFINITY else min(room, soft), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, _ALLOWED)


_HELD = Path("/proc/self/statm")
_ALLOWED = resource.getrlimit(resource.RLIMIT_AS) if resource else (0, 0)
"""The original limit of the process. It is read once, since another thread may be inside a block later."""
