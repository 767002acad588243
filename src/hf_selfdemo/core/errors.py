"""The errors of this package: `UserError` for bad input, and `CallFailed` for a call of a single row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class UserError(ValueError):
    """Bad input: a file, an option, a folder. The command line prints it as one line and exits with code 2.

    Args:
        what: what is wrong, naming the file, row or option.
        remedy: what to do about it, as an imperative.

    Example:
        >>> raise UserError("row 3 of q.jsonl has no question text", "fill it in or drop the row")
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: row 3 of q.jsonl has no question text: fill it in or drop the row
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}: {remedy}")
        self.what, self.remedy = what, remedy

    def __reduce__(self) -> tuple[type[UserError], tuple[str, str]]:
        return type(self), (self.what, self.remedy)  # by default, unpickling passes the whole message only


class CallFailed(Exception):
    """A call to the model failed for good. It is thrown into the dialogue of the call, so only this row is lost."""


def reason(error: BaseException) -> str:
    """An error's class and the first line of its message, shortened to fit into one line.

    Example:
        >>> reason(ValueError("torn at byte 7"))
        'ValueError: torn at byte 7'
    """
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said[:_LONGEST]}" if said else type(error).__name__


_LONGEST = 500
"""The most characters of a library's message that are repeated."""


@contextmanager
def explained(what: str, remedy: str) -> Iterator[None]:
    """Turn any error of a library into a `UserError` that names the file.

    Errors about the machine, such as missing memory, disk or packages, are not changed, since the file does not cause
    them.

    Args:
        what: what cannot be done, naming the file. The library's message is appended.
        remedy: what to do about it.

    Raises:
        UserError: for any other error of the block.

    Example:
        >>> with explained("m.json cannot be read", "write it again"):
        ...     raise KeyError("id")
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: m.json cannot be read (KeyError: 'id'): write it again
    """
    try:
        yield
    except (UserError, MemoryError, ImportError):
        raise
    except OSError as error:
        if error.errno is not None:
            raise
        _explain(error, what, remedy)
    except Exception as error:
        if type(error).__name__ == "OutOfMemoryError":  # torch's
            raise
        _explain(error, what, remedy)


def _explain(error: Exception, what: str, remedy: str) -> NoReturn:
    raise UserError(f"{what} ({reason(error)})", remedy) from error
