"""Rows of tables: CSV and TSV files, and the first sheet of an Excel workbook. The first row names the columns.

An empty cell is absent. A row of empty cells is skipped, since spreadsheets write such rows below the last one.
"""

from __future__ import annotations

import csv
import zipfile
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.data.questions.packed import LONGEST_LINE, bounded_lines, open_text, refuse_unfolding

_DELIMITERS = ",;\t"


def csv_rows(path: Path, tabs: bool) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a CSV or TSV file, each with the line on which it begins.

    Args:
        path: the file, which may be a .gz.
        tabs: cells are separated by tabs. Otherwise the separator is the comma, semicolon or tab that gives the first
            line the most columns.

    Raises:
        UserError: for a quote that is not closed, a row with more or fewer cells than columns, or two columns of the
            same name.
    """
    csv.field_size_limit(LONGEST_LINE)
    with open_text(path) as file:
        lines = bounded_lines(file, path)
        above, first = next(((i, line) for i, line in enumerate(lines) if line.strip()), (0, ""))
        delimiter = "\t" if tabs else max(_DELIMITERS, key=lambda one: len(next(csv.reader([first], delimiter=one))))
        yield from _named(_cells(path, chain([first], lines), delimiter, above), path, _QUOTED.format(delimiter))


def excel_rows(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of the first sheet of an Excel workbook, each with its number in the sheet.

    Raises:
        UserError: if openpyxl is not installed, or the file is not a workbook.
    """
    try:
        import openpyxl
    except ImportError:
        raise UserError(
            f"{path} needs openpyxl, which reads Excel workbooks",
            "pip install 'hf-selfdemo[excel]', or save the sheet as CSV",
        ) from None
    with explained(f"{path} cannot be read as an Excel workbook", "save it again as .xlsx, or save the sheet as CSV"):
        with zipfile.ZipFile(path) as parts:
            for part in parts.infolist():
                refuse_unfolding(path, part.compress_size, part.file_size)
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    try:
        sheet = book.worksheets[0]
        sheet.reset_dimensions()  # some programs write wrong dimensions
        yield from _named(_padded(sheet.iter_rows(values_only=True)), path, "name every column in the first row")
    finally:
        book.close()


_QUOTED = "put double quotes around a cell that contains {!r}, a quote or a line break"


def _cells(path: Path, lines: Iterator[str], delimiter: str, above: int) -> Iterator[tuple[int, Sequence[Any]]]:
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = above + reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what = f"the row at line {line} of {path} cannot be read ({error})"
            raise UserError(what, "close every quote, and double each quote inside a quoted cell") from None
        yield line, cells


def _padded(rows: Iterator[Sequence[Any]]) -> Iterator[tuple[int, Sequence[Any]]]:
    """Rows of equal width. Sheets leave out empty cells at the end of a row."""
    width = 0
    for number, cells in enumerate(rows, 1):
        filled = max((i for i, cell in enumerate(cells, 1) if not _is_empty(cell)), default=0)
        width = width or filled
        yield number, [*cells[:filled], *[None] * (width - filled)]


def _named(
    rows: Iterator[tuple[int, Sequence[Any]]], path: Path, too_many: str
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Rows as dicts. Columns without a name are left out, such as the index that pandas writes."""
    names: list[str] = []
    for line, cells in rows:
        if all(map(_is_empty, cells)):
            continue
        if not names:
            names = ["" if cell is None else str(cell).strip() for cell in cells]
            if twice := [name for name in names if name and names.count(name) > 1]:
                raise UserError(f"{path} has two columns named {twice[0]!r}", "rename one in the first row")
            continue
        if len(cells) != len(names):
            what = f"the row at line {line} of {path} has {len(cells)} cells, but the first row has {len(names)}"
            raise UserError(what, too_many if len(cells) > len(names) else "add the missing cells")
        found = zip(names, cells, strict=True)
        yield line, {name: None if _is_empty(cell) else cell for name, cell in found if name}


def _is_empty(cell: Any) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip())
