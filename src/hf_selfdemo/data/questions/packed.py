"""Text files, gzipped or not, read with limits so that a small file cannot fill the memory."""

from __future__ import annotations

import gzip
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from hf_selfdemo.core.errors import UserError

LONGEST_LINE = 32 * 1024 * 1024
"""The most characters of a line of .jsonl or .csv."""

_MOST_BLANK = 100_000
"""The most empty lines that may follow each other."""

_MOST_UNPACKED = 200
_LEAST_UNPACKED = 64 * 1024 * 1024
"""A file may decompress to this many times its size, or to this many bytes if that is more. Gzip shrinks texts to
between a third and a tenth, and rows that repeat one passage to a fiftieth."""


def open_text(path: Path) -> TextIO:
    """Open a text file, decompressed if it is a .gz.

    Raises:
        UserError: while it is read, if it decompresses to far more than rows of text do.
    """
    packed = path.suffix == ".gz"
    file: Any = _Unpacked(path) if packed else path.open("rb")
    return io.TextIOWrapper(file, encoding="utf-8-sig")  # drops a byte order mark


class _Unpacked(gzip.GzipFile):
    """A gzip file that raises an error if it decompresses to far more than rows of text do (a decompression bomb)."""

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
    """Reject a compressed file that decompresses to far more than texts do.

    Args:
        path: the file.
        packed: how many compressed bytes were read.
        unfolded: how many bytes they decompressed to.

    Raises:
        UserError: if the ratio is above the limit.
    """
    if unfolded > max(_LEAST_UNPACKED, _MOST_UNPACKED * packed):
        what = f"{path} decompresses to more than {_MOST_UNPACKED} times its size, which files of rows do not"
        raise UserError(what, "check the file; if it is right, decompress it and give the decompressed file")


def bounded_lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of a file, one at a time.

    Raises:
        UserError: for a line that is too long, or too many empty lines in a row.
    """
    number = blank = 0
    while line := file.readline(LONGEST_LINE + 1):
        number += 1
        if len(line) > LONGEST_LINE:
            what = f"line {number} of {path} is longer than {LONGEST_LINE:,} characters"
            raise UserError(what, "write one row per line, or shorten the row")
        blank = 0 if line.strip() else blank + 1
        if blank > _MOST_BLANK:
            what = f"{path} has more than {_MOST_BLANK:,} empty lines in a row, up to line {number}"
            raise UserError(what, "delete the empty lines")
        yield line
