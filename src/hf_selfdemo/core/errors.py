"""The errors of this package: the one a user is meant to read, and the one a row can survive."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


class UserError(ValueError):
    """Bad input from outside (a file, a key, a folder). The CLI prints it as one line and exits with code 2.

    Args:
        what: what is wrong, naming the file, row or key.
        remedy: what to do about it, as an instruction.

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
        return type(self), (self.what, self.remedy)  # by default one of its kind is made of the whole line


class CallFailed(Exception):
    """One call to the model failed for good. Thrown into the dialogue that asked, so that only its row is lost."""


def reason(error: BaseException) -> str:
    """An error's kind and the first line of what it says, as far as a line of a message can hold it.

    Example:
        >>> reason(ValueError("torn at byte 7"))
        'ValueError: torn at byte 7'
    """
    said = str(error).strip().partition("\n")[0]
    return f"{type(error).__name__}: {said[:_LONGEST]}" if said else type(error).__name__


_LONGEST = 500
"""Characters of a library's message that a line repeats."""


@contextmanager
def explained(what: str, remedy: str) -> Iterator[None]:
    """Say of which file a library's error is, where readers of a format raise errors of many kinds.

    What the machine lacks stays what it is: it tells nothing of the file.

    Args:
        what: what cannot be done; the library's own words are put behind it.
        remedy: what to do about it.

    Raises:
        UserError: for any error of the block.

    Example:
        >>> with explained("m.json cannot be read", "write it anew"):
        ...     raise KeyError("id")
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: m.json cannot be read (KeyError: 'id'): write it anew
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
