"""Work that others wrote, such as a chat template, held to a time and to an amount of memory."""

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
    """Raised in the thread that took too long; no Exception, so that the work itself does not catch it."""


@contextmanager
def bounded(seconds: float, size: int) -> Iterator[None]:
    """Stop what is in the block when it takes too long, in whichever thread it runs, or too much memory.

    Args:
        seconds: after which it is stopped: between two steps of Python, so that one long step is waited for.
        size: bytes that it may take beside what the process holds already. Held on Linux alone.

    Raises:
        TimeoutError: if it took too long.
        MemoryError: if it wanted more.

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
    """Raises `_Stopped` in the thread that enters it, unless it has left in time.

    One thread looks after all of them, since to start one for every block would cost more than what blocks do. An entry
    is taken out either by who leaves in time or by that thread, which then raises for certain.
    """

    _ends: ClassVar[dict[int, float]] = {}
    _watch: ClassVar[threading.Thread | None] = None

    def __init__(self, seconds: float) -> None:
        self._seconds, self._thread = seconds, threading.get_ident()

    def __enter__(self) -> None:
        self._ends[self._thread] = time.monotonic() + self._seconds
        if _Clock._watch is None or not _Clock._watch.is_alive():  # nor does it live in a process that was forked
            _Clock._watch = threading.Thread(target=self._look, name="bounded", daemon=True)
            _Clock._watch.start()

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        while self._ends.pop(self._thread, None) is None and kind is not _Stopped:
            time.sleep(_POLL_S)  # it is being raised

    @classmethod
    def _look(cls) -> None:
        while True:
            time.sleep(_POLL_S)
            for thread, end in list(cls._ends.items()):
                if end < time.monotonic() and cls._ends.pop(thread, None) is not None:
                    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread), ctypes.py_object(_Stopped))


@contextmanager
def _room(size: int) -> Iterator[None]:
    """For a moment the process, all threads of it, may take no more than this beside what it holds."""
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
"""What the process may take otherwise, read once: another thread may be in a block of its own."""
