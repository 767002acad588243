"""Rows of a source, each with its position: embedded data, files, dataset folders, Hub ids, data in memory."""

from __future__ import annotations

import difflib
import json
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from hf_selfdemo.core.errors import UserError, reason
from hf_selfdemo.core.loading import did_you_mean, did_you_mean_file
from hf_selfdemo.core.wellformed import well_formed_json
from hf_selfdemo.data.questions.packed import bounded_lines, open_text
from hf_selfdemo.data.questions.tables import csv_rows, excel_rows

if TYPE_CHECKING:
    import datasets

EMBEDDED = Path(__file__).parent.parent / "embedded"

Source: TypeAlias = (
    "str | PathLike[str] | Sequence[Mapping[str, Any]] | datasets.Dataset | datasets.DatasetDict "
    "| datasets.IterableDataset"
)
"""What questions and passages can be read from."""

_LARGEST_JSON = 1024 * 1024 * 1024
"""The most characters of a .json file, which is read at once."""

_ROWS_A_READ = 256
"""Rows of Parquet that are read at once. It is small because a cell may have any size."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
"""The JSON escape of a surrogate, which is half a character. Most occur in pairs, and a lone one must be replaced."""


class Row(NamedTuple):
    """A row's number (from 1), its position as messages name it, and its fields."""

    number: int
    where: str
    fields: dict[str, Any]


def read_rows(
    source: Source,
    split: str,
    config: str | None = None,
    revision: str | None = None,
    embedded: str = "questions.jsonl",
) -> Iterator[Row]:
    """The rows of a source, unchanged.

    Args:
        source: "embedded", a file (.jsonl, .json, .csv, .tsv, all also .gz, .parquet, .xlsx), a dataset folder, a Hub
            id, a dataset of the `datasets` library, or a list of dicts.
        split: used where the source has splits.
        config: the configuration of a Hub dataset.
        revision: the revision of a Hub dataset.
        embedded: the embedded file that "embedded" stands for.

    Raises:
        UserError: if the source cannot be found or read, or has no rows; for a line that is not a JSON object.
    """
    name, number = source_name(source), 0
    for number, (line, fields) in enumerate(_rows(source, split, config, revision, embedded), 1):
        yield Row(number, f"row {number}{f' (line {line})' if line not in (0, number) else ''} of {name}", fields)
    if not number:
        of_file = isinstance(source, str | PathLike) and Path(source).expanduser().is_file()
        what = name if of_file else f"{name} (split {split!r})"
        raise UserError(f"{what} has no rows", "check the path" if of_file else "check the path and the split")


def source_name(source: Source) -> str:
    """The name of a source, for messages."""
    if isinstance(source, str | PathLike):
        return fspath(source)
    return "the list" if isinstance(source, list | tuple) else "the dataset"


def _rows(
    source: Source, split: str, config: str | None, revision: str | None, embedded: str
) -> Iterable[tuple[int, dict[str, Any]]]:
    """Rows with their line number, or 0 if the source has no lines."""
    if not isinstance(source, str | PathLike):
        return _unnumbered(_loaded(source, split))
    source = fspath(source)
    if source == "embedded":
        return ((line, row) for line, row in _json_lines(EMBEDDED / embedded) if row["split"] == split)
    path = Path(source).expanduser()
    if path.is_file():
        return _file(path)
    if not path.is_dir() and difflib.get_close_matches(source, ["embedded"], cutoff=0.8):
        raise UserError(f"there is no dataset {source!r}", "did you mean 'embedded'?")  # the Hub takes longer
    if path.is_dir() or (source.count("/") <= 1 and not source.startswith((".", "/", "~")) and not path.suffix):
        return _unnumbered(_dataset(source, path, split, config, revision))
    raise UserError(f"there is no file {source}", did_you_mean_file(source, "check the path"))


def _unnumbered(rows: Iterable[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((0, row) for row in rows)


def _loaded(source: Any, split: str) -> Iterator[dict[str, Any]]:
    """The rows of a dataset or a list of dicts in memory, with cells as plain Python values."""
    if isinstance(source, list | tuple):
        for number, row in enumerate(source, 1):
            if not isinstance(row, Mapping):
                what = f"row {number} of the list is a {type(row).__name__}, not a dict"
                raise UserError(what, "give a list of dicts")
        return map(well_formed_json, map(dict, source))
    import datasets

    if isinstance(source, datasets.DatasetDict | datasets.IterableDatasetDict):
        if split not in source:
            raise UserError(f"the dataset has no split {split!r}", did_you_mean(split, list(source)))
        source = source[split]
    if not isinstance(source, datasets.Dataset | datasets.IterableDataset):
        raise UserError(
            f"rows cannot be read from a {type(source).__name__}",
            "give a path, a Hub id, a dataset of `datasets` or a list of dicts (for pandas: frame.to_dict('records'))",
        )
    return map(well_formed_json, source.with_format(None))


def _file(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    name = path.name.removesuffix(".gz")
    try:
        if not path.stat().st_size:
            raise UserError(f"{path} is empty", "check the path, or write the file again")
        if name.endswith((".jsonl", ".ndjson")):
            yield from _json_lines(path)
        elif name.endswith(".json"):
            yield from _json(path)
        elif name.endswith(".parquet"):
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(path) as file:
                batches = file.iter_batches(_ROWS_A_READ)
                yield from _unnumbered(row for batch in batches for row in batch.to_pylist())
        elif name.endswith((".csv", ".tsv")):
            yield from csv_rows(path, tabs=name.endswith(".tsv"))
        elif name.endswith((".xlsx", ".xlsm")):
            yield from excel_rows(path)
        else:
            known = "give .jsonl, .json, .csv, .tsv (all also .gz), .parquet or .xlsx"
            raise UserError(f"{path} has an unknown format", known)
    except UserError:
        raise
    except MemoryError as error:
        what = f"{path} does not fit in memory ({reason(error)})"
        raise UserError(what, "split it into smaller files, or shorten its cells") from error
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:  # truncated, another format, not UTF-8
        said = str(error).partition("\n")[0]
        remedy = "check that the file is complete and, if it is text, in UTF-8"
        raise UserError(f"{path} cannot be read ({said})", remedy) from error


def _dataset(source: str, path: Path, split: str, config: str | None, revision: str | None) -> Iterable[dict[str, Any]]:
    import datasets

    try:
        if (path / "dataset_dict.json").exists():
            splits = datasets.load_from_disk(source)
            if split not in splits:
                raise UserError(f"dataset {source} has no split {split!r}", did_you_mean(split, list(splits)))
            return splits[split]
        if (path / "state.json").exists():
            return datasets.load_from_disk(source)
        return datasets.load_dataset(source, config, split=split, revision=revision)
    except UserError:
        raise
    except Exception as error:  # each problem of the Hub or a format has its own class; the user needs one line
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise UserError(
            f"dataset {source!r} (split {split!r}) cannot be read: {said}", "check the name and the split"
        ) from error


def _json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    with open_text(path) as file:
        yield from _parsed_lines(bounded_lines(file, path), path)


def _parsed_lines(lines: Iterable[str], path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    for i, line in enumerate(lines, 1):
        if line.strip():
            try:
                row = _parsed(line)
            except json.JSONDecodeError as error:
                raise UserError(f"line {i} of {path} is not JSON ({error.msg})", "fix or drop the line") from None
            if not isinstance(row, dict):
                raise UserError(f"line {i} of {path} is not a JSON object", "write one object per line")
            yield i, row


def _json(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows of a .json file: a list of objects, an object with such a list in `data`, or one object per line."""
    with open_text(path) as handle:
        text = handle.read(_LARGEST_JSON + 1)
    if len(text) > _LARGEST_JSON:
        what = f"{path} has more than {_LARGEST_JSON:,} characters"
        raise UserError(what, "write it as .jsonl, which is read line by line")
    try:
        rows = _parsed(text)
    except json.JSONDecodeError as error:
        if _is_object(text.lstrip().partition("\n")[0]):
            yield from _parsed_lines(text.split("\n"), path)  # only "\n": texts may contain other line ends
            return
        raise UserError(f"{path} is not JSON ({error.msg}, line {error.lineno})", "fix the file") from None
    if isinstance(rows, dict):
        rows = rows["data"] if "data" in rows else [rows] if rows and "\n" not in text.strip() else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise UserError(f"{path} is not a list of objects", "write [{...}, ...], or one object per line")
    yield from _unnumbered(rows)


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


def _parsed(text: str) -> Any:
    return well_formed_json(json.loads(text)) if _SURROGATE.search(text) else json.loads(text)
