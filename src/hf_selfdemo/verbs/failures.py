"""How the program ends on an error: with one line. The traceback of a bug goes to a file."""

from __future__ import annotations

import errno
import os
import re
import signal
import tempfile
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.secrets import redacted
from hf_selfdemo.verbs.processes import world_size

_FULL = (errno.ENOSPC, errno.EDQUOT)
_SAYS_FULL = re.compile(
    "No space left on device|os error 28|Disk quota exceeded|"
    "PytorchStreamWriter failed writing|inline_container.* unexpected pos|basic_ios::clear: iostream error|"  # torch
    r"\d+ requested and \d+ written"  # numpy
)
"""The words by which libraries report a full disk in exceptions of their own."""

BUG, BAD_INPUT, STOPPED, TERMINATED = 1, 2, 130, 143
"""Exit codes."""


class Terminated(KeyboardInterrupt):
    """The process got SIGTERM, as a scheduler or `kill` sends it."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the block like Ctrl+C; a second SIGTERM ends the process at once.

    Nothing changes in processes that were launched together: if one of them fails, the launcher sends SIGTERM to the
    others, and the message of the failed one must stay the last line.
    """

    def stop(number: int, frame: Any) -> None:
        signal.signal(number, signal.SIG_DFL)
        raise Terminated

    if threading.current_thread() is not threading.main_thread() or world_size() > 1:
        yield
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


def ending(error: BaseException) -> tuple[int, str]:
    """The exit code for an error, and the line that reports it.

    Args:
        error: any exception that a command raised, except `SystemExit`.

    Example:
        >>> ending(UserError("window is 0", "give a whole number of at least 1"))
        (2, 'window is 0: give a whole number of at least 1')
    """
    if isinstance(error, KeyboardInterrupt):  # the text of the error, if any, says what cannot be continued
        code, what = (TERMINATED, "stopped by SIGTERM") if isinstance(error, Terminated) else (STOPPED, "interrupted")
        return code, f"{what}; {str(error) or 'repeat the command to continue'}"
    if told := foreseen(error):
        return BAD_INPUT, " ".join(str(told).split())
    return BUG, f"this is a bug: {reason(error)} ({_where_traceback(error)}); please report it"


def foreseen(error: BaseException) -> UserError | None:
    """The error as a `UserError` if the user or the machine can cause it at any place; None for a bug."""
    if isinstance(error, UserError):
        return error
    if any(_tells_of_full_disk(one) for one in _chain(error)):
        return UserError(f"the disk is full ({reason(error)})", "free some space and repeat the command")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, which is imported late
        remedy = "lower generation_batch_size, per_device_train_batch_size or max_length"
        return UserError(f"the memory is full ({reason(error)})", remedy)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("hf_selfdemo"):
        return UserError(
            f"the package {error.name} is not installed", "install it, or leave out the option that needs it"
        )
    if isinstance(error, OSError) and error.filename is not None:
        where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
        return UserError(
            f"{where} cannot be used ({error.strerror})", "check that it exists and that you may read and write it"
        )
    if isinstance(error, OSError):
        return UserError(f"the system reports an error ({reason(error)})", "fix it and repeat the command")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and the errors that caused it."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _tells_of_full_disk(error: BaseException) -> bool:
    if isinstance(error, OSError) and error.errno in _FULL:
        return True
    return bool(_SAYS_FULL.search(str(error)))


def _where_traceback(error: BaseException) -> str:
    """Write the traceback, without tokens, to a temporary file, and say where it is."""
    text = redacted("".join(traceback.format_exception(error)))
    try:
        handle, name = tempfile.mkstemp(prefix="hf-selfdemo-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as unwritten:
        return f"no traceback: {unwritten.strerror}"
    return f"traceback in {name}"
