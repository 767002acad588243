"""What a cell means, whether it comes from JSON, a CSV file, a Parquet table or a dataset.

Null and NaN, with which tables fill gaps, are absent. A number is read as text where a text is expected. A list or
object that is written as text, as in a CSV file, is read as that list or object. Any other value raises an error.
"""

from __future__ import annotations

import ast
import io
import json
import math
import re
import tokenize
from numbers import Number
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.wellformed import well_formed_json

_WORDS = {"true": True, "yes": True, "t": True, "y": True, "1": True} | {
    "false": False,
    "no": False,
    "f": False,
    "n": False,
    "0": False,
}

LONGEST_TEXT = 1_000_000
"""The most characters of a question, an answer or an id. A longer text fits in no prompt, and every step copies it."""

LONGEST_PASSAGE = 32 * 1024 * 1024
"""The most characters of a passage, which may be a whole book that is shortened later."""

_OPENS_A_LIST = re.compile(r"""\s*(\[\s*(["']|\{\s*["'])|\{\s*["'])""")
"""The beginning of a list of texts or objects, or of an object."""


def is_absent(value: Any) -> bool:
    """True for null and NaN.

    Example:
        >>> is_absent(None), is_absent(float("nan")), is_absent(0), is_absent("")
        (True, True, False, False)
    """
    return value is None or (isinstance(value, Number) and value != value)


def refuse_long(text: str, where: str, column: str, most: int = LONGEST_TEXT) -> None:
    """Reject a text of more than `most` characters.

    Raises:
        UserError: if the text is longer.
    """
    if len(text) > most:
        what = f"{where}: column {column!r} has {len(text):,} characters"
        raise UserError(what, f"shorten it to at most {most:,}, drop the row, or map another column")


def plain(value: Any) -> Any:
    """A cell as a plain Python value, if it comes from an array library."""
    return value.tolist() if hasattr(value, "tolist") else value


def read_text(value: Any, where: str, column: str) -> str:
    """The text of a cell, or "" if it is absent. A whole number that a table stores as 1996.0 is "1996".

    Raises:
        UserError: for a list, an object or any other value that is neither text nor a number, and for a text that is
            too long for any prompt.

    Example:
        >>> read_text("Ada", "row 1", "title"), read_text(1996.0, "row 1", "title"), read_text(None, "row 1", "title")
        ('Ada', '1996', '')
    """
    value = plain(value)
    if is_absent(value):
        return ""
    if isinstance(value, str):
        refuse_long(value, where, column)
        return value
    if isinstance(value, Number):
        return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    raise UserError(f"{where}: column {column!r} is {_shown(value)}, not text", "write text, or map another column")


def read_texts(value: Any, where: str, column: str, separator: str = "") -> tuple[str, ...]:
    """The texts of a cell: those of a list, each once and without blanks around it, or a single text or number.

    Args:
        value: the cell.
        where: the row, for messages.
        column: the column, for messages.
        separator: splits a text that is not a list into several; "" splits nothing.

        Returns:
            () for an absent cell.

        Raises:
            UserError: for any other value.

    Example:
        >>> read_texts('["Ada", "A. L."]', "row 1", "answers"), read_texts(1996, "row 1", "answers")
        (('Ada', 'A. L.'), ('1996',))
        >>> read_texts("Ada | A. L.", "row 1", "answers", separator="|")
        ('Ada', 'A. L.')
    """
    value = structured(value, where, column)
    if separator and isinstance(value, str):
        value = value.split(separator)
    items = [plain(item) for item in (value if isinstance(value, list | tuple) else [value])]
    if not all(is_absent(item) or isinstance(item, str | Number) for item in items):
        inner = f", such as {column}.{next(iter(value))}" if isinstance(value, dict) and value else ""
        raise UserError(
            f"{where}: column {column!r} is {_shown(value)}, neither a text nor a list of texts",
            "write a text or a list of texts, or map another column" + inner,
        )
    return tuple(dict.fromkeys(text for item in items if (text := read_text(item, where, column).strip())))


def read_flag(value: Any, where: str, column: str) -> bool | None:
    """True or false, or None if the cell is absent.

    Raises:
        UserError: for any other value.

    Example:
        >>> read_flag("False", "row 1", "answerable"), read_flag(1.0, "row 1", "answerable")
        (False, True)
    """
    word = read_text(value, where, column).strip().casefold()
    if word and word not in _WORDS:
        raise UserError(
            f"{where}: column {column!r} is {_shown(value)}, neither true nor false",
            "write true or false, or map another column",
        )
    return _WORDS[word] if word else None


def read_number(value: Any, where: str, column: str) -> float | None:
    """A finite number, or None if the cell is absent.

    Raises:
        UserError: for any other value.
    """
    word = read_text(value, where, column).strip()
    try:
        number = float(word) if word else math.nan
    except ValueError:
        number = math.inf
    if math.isinf(number):
        raise UserError(f"{where}: column {column!r} is {_shown(value)}, not a number", "give a number")
    return None if math.isnan(number) else number


def structured(value: Any, where: str, column: str) -> Any:
    """The list or object that a text contains, in JSON or as Python prints it. Any other value is returned unchanged.

    Raises:
        UserError: for a text that begins like a list of texts or an object but cannot be parsed as one.

    Example:
        >>> structured("['Ada', 'A. L.']", "row 1", "answers"), structured("[sic]", "row 1", "answers")
        (['Ada', 'A. L.'], '[sic]')
    """
    value = plain(value)
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    for read in (json.loads, _python_value):
        try:
            found = well_formed_json(read(value.strip()))
        except (ValueError, SyntaxError, MemoryError, RecursionError, tokenize.TokenError):
            continue
        if isinstance(found, list | dict):
            return found
    if _OPENS_A_LIST.match(value):
        raise UserError(
            f"{where}: column {column!r} begins like a list written as text but cannot be parsed as one",
            "fix the list; if the cell is plain text, write it as a list with one text",
        )
    return value


def _python_value(text: str) -> Any:
    """The value that Python printed.

    Texts without a comma between them raise an error: numpy prints arrays so, and Python would join them to one text.
    """
    if len(text) > LONGEST_TEXT:  # the syntax tree would take a hundred times as much memory
        raise ValueError("too long")
    tree = ast.parse(text, mode="eval")
    texts = sum(isinstance(node, ast.Constant) and isinstance(node.value, str) for node in ast.walk(tree))
    written = sum(token.type == tokenize.STRING for token in tokenize.generate_tokens(io.StringIO(text).readline))
    if texts != written:
        raise ValueError("a comma is missing")
    return ast.literal_eval(tree)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
