"""Text files, packed or not, opened so that no file of a few megabytes fills the memory."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from hf_selfdemo.core.errors import UserError

LONGEST_LINE = 32 * 1024 * 1024
"""Characters of a line of .jsonl or .csv."""

_MOST_BLANK = 100_000
"""Lines without a row that may follow each other."""

_MOST_UNPACKED = 200
_LEAST_UNPACKED = 64 * 1024 * 1024
"""Times its packed size that a file may unfold to, and the bytes that any may: texts are packed to a third or a tenth,
and rows that repeat one passage to a fiftieth."""


def open_text(path: Path) -> TextIO:
    """A text file, unpacked if it is a .gz.

    Raises:
        UserError: while it is read, if it unfolds to what no rows do.
    """
    packed = path.suffix == ".gz"
    file: Any = _Unpacked(path) if packed else path.open("rb")
    return io.TextIOWrapper(file, encoding="utf-8-sig")  # a byte order mark, if any, is left out


class _Unpacked(gzip.GzipFile):
    """A packed file that ends in an error where it unfolds to what no rows do: a few megabytes may hold terabytes."""

    def __init__(self, path: Path) -> None:
        self._path, self._packed = path, path.open("rb")
        super().__init__(fileobj=self._packed, mode="rb")

    def read1(self, size: int = -1) -> bytes:
        found = super().read1(size)
        refuse_unfolding(self._path, self._packed.tell(), self.tell())
        return found

    def close(self) -> None:
        super().close()
        self._packed.close()


def refuse_unfolding(path: Path, packed: int, unfolded: int) -> None:
    """Refuse a packed file that unfolds to more than texts do.

    Args:
        path: of the file.
        packed: its bytes that were read.
        unfolded: the bytes that these are.

    Raises:
        UserError: if it does.
    """
    if unfolded > max(_LEAST_UNPACKED, _MOST_UNPACKED * packed):
        what = f"{path} unfolds to more than {_MOST_UNPACKED} times its size"
        raise UserError(what, "it is not a file of rows; if it is, unpack it and name the unpacked file")


def bounded_lines(file: TextIO, path: Path) -> Iterator[str]:
    """No more of a file is held than the longest row that can be meant, and gigabytes of line breaks end at once."""
    number = blank = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            what = f"line {number} of {path} is longer than {LONGEST_LINE:,} characters"
            raise UserError(what, "write one row a line, or shorten it")
        blank = 0 if line.strip() else blank + 1
        if blank > _MOST_BLANK:
            what = f"{path} has more than {_MOST_BLANK:,} empty lines in a row, up to line {number}"
            raise UserError(what, "remove them")
        yield line
