"""How a program ends on an error: what is foreseeable is one line, and so is a bug, with its traceback in a file."""

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
"""What writers of weights and arrays say of a full disk, in errors of their own kinds."""

BUG, BAD_INPUT, STOPPED, TERMINATED = 1, 2, 130, 143
"""Exit codes."""


class Terminated(KeyboardInterrupt):
    """The process was asked to end by SIGTERM, as a scheduler or `kill` does."""


@contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl+C does; a second one ends the process at once.

    In processes that were launched together it stays as it was: their launcher sends it to all when one of them fails,
    and what that one said is to be the last line.
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
    """The exit code for an error, and the line that tells of it.

    Args:
        error: whatever a verb raised; not `SystemExit`.

    Example:
        >>> ending(UserError("window is 0", "give a whole number of at least 1"))
        (2, 'window is 0: give a whole number of at least 1')
    """
    if isinstance(error, KeyboardInterrupt):  # who cannot go on from here says so in the error
        code, what = (TERMINATED, "stopped by SIGTERM") if isinstance(error, Terminated) else (STOPPED, "interrupted")
        return code, f"{what}; {str(error) or 'the same command goes on from here'}"
    if told := foreseen(error):
        return BAD_INPUT, " ".join(str(told).split())
    return BUG, f"this is a bug: {reason(error)} ({_where_traceback(error)}); please report it"


def foreseen(error: BaseException) -> UserError | None:
    """What the machine or the user can bring about at any place, and so is looked at in one; None for a bug."""
    if isinstance(error, UserError):
        return error
    if any(_tells_of_full_disk(one) for one in _chain(error)):
        return UserError(f"the disk is full ({reason(error)})", "free some space and give the same command")
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":  # torch's, which is imported late
        remedy = "lower generation_batch_size, per_device_train_batch_size or max_length"
        return UserError(f"the memory is used up ({reason(error)})", remedy)
    if isinstance(error, ModuleNotFoundError) and error.name and not error.name.startswith("hf_selfdemo"):
        return UserError(f"the package {error.name} is not installed", "install it, or leave out the key that needs it")
    if isinstance(error, BrokenPipeError):
        return UserError("nobody reads what is written any more", "let the pipe's other end run on")
    if isinstance(error, OSError) and error.filename is not None:
        where = os.fsdecode(error.filename) if isinstance(error.filename, str | bytes) else str(error.filename)
        return UserError(f"{where} cannot be used ({error.strerror})", "see that it is there and can be used so")
    if isinstance(error, OSError):
        return UserError(f"the system refuses something ({reason(error)})", "fix that and give the same command")
    return None


def _chain(error: BaseException) -> Iterator[BaseException]:
    """An error and those that it came of."""
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
    """Write the traceback to a file of its own, in the system's folder for such files, without tokens."""
    text = redacted("".join(traceback.format_exception(error)))
    try:
        handle, name = tempfile.mkstemp(prefix="hf-selfdemo-", suffix=".txt")
        with open(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as unwritten:
        return f"no traceback: {unwritten.strerror}"
    return f"traceback in {name}"
