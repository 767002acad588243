"""Extract all texts of a file, with their places."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_WITHOUT_TEXT = (".npy", ".png", ".jpg", ".jpeg", ".gif", ".webp", ".ico")
"""Suffixes of arrays and images."""

_PIECES = "tokenizer.model"
"""The file of SentencePiece, which contains its pieces as plain bytes between numbers."""


class Packed(Exception):
    """Raised for a file that is compressed or of an unknown binary format."""


def texts(name: str, file: Path | str) -> Iterator[tuple[str, str]]:
    """Yield every text in a file, as pairs of its place in words and the text.

    JSON is read by key, JSON lines and Parquet by row and key, and other text by line. The metadata of safetensors and
    Parquet files is read too, under places that begin with "metadata". A tokenizer's binary file is read byte by byte.
    Arrays of numbers and images have no texts.

    Args:
        name: name in the repository, whose suffix decides the format.
        file: the file on disk, or its text.

    Raises:
        Packed: for a file of an unknown format.
        ValueError, OSError, struct.error: for a file that does not have the format of its name, or does not exist.

    Example:
        >>> list(texts("manifest.json", '{"model": {"path": "runs/1"}}'))[-2:]
        [('key model, path', 'runs/1'), ('key model, path', 'path: runs/1')]
    """
    if name.endswith(".parquet") and isinstance(file, Path):
        yield from _parquet(file)
    elif name.endswith(".safetensors") and isinstance(file, Path):
        yield from _strings(_safetensors_metadata(file), "metadata")
    elif name.endswith(".npy") and isinstance(file, Path):
        _refuse_words(name, file)
    elif not name.endswith(_WITHOUT_TEXT):
        yield from _plain(name, _text(name, file))


def _text(name: str, file: Path | str) -> str:
    """The text of a file; for a tokenizer's binary file, one character per byte."""
    if isinstance(file, str):
        return file
    held = file.read_bytes()
    try:
        return held.decode("utf-8-sig")
    except UnicodeDecodeError:
        if name.endswith(_PIECES):
            return held.decode("latin-1")
        raise Packed(name) from None


def _plain(name: str, text: str) -> Iterator[tuple[str, str]]:
    """Read JSON by key, JSON lines by row and key, and other or invalid text by line."""
    try:
        if name.endswith(".json"):
            yield from _strings(json.loads(text), "")
            return
        if name.endswith(".jsonl"):
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
            for number, row in enumerate(rows, 1):
                yield from _strings(row, f"row {number}")
            return
    except (ValueError, RecursionError):
        pass
    for number, line in enumerate(text.splitlines(), 1):
        yield f"line {number}", line


def _strings(content: Any, place: str) -> Iterator[tuple[str, str]]:
    """Yield every text and every key in a JSON value or in a row of a table."""
    if isinstance(content, Mapping):
        for key, value in content.items():
            inner = f"{place}, {key}" if place else f"key {key}"
            yield inner, str(key)
            if isinstance(value, str):
                yield inner, value
                yield inner, f"{key}: {value[:200]}"  # so that the key can show that the value is a secret
            else:
                yield from _strings(value, inner)
    elif isinstance(content, list | tuple):
        for value in content:
            yield from _strings(value, place)
    elif isinstance(content, str):
        yield place, content


def _parquet(path: Path) -> Iterator[tuple[str, str]]:
    import pyarrow.parquet as pq

    table = pq.ParquetFile(path)
    for key, value in (table.schema_arrow.metadata or {}).items():
        yield f"metadata {key.decode(errors='replace')}", value.decode(errors="replace")
    row = 0
    for batch in table.iter_batches(1000):
        for content in batch.to_pylist():
            row += 1
            yield from _strings(content, f"row {row}")


def _refuse_words(name: str, path: Path) -> None:
    """Reject arrays that may contain text. Only arrays of numbers cannot, and arrays of objects are pickles."""
    import numpy as np

    if np.load(path, mmap_mode="r", allow_pickle=False).dtype.kind not in "biufc":
        raise Packed(name)


def _safetensors_metadata(path: Path) -> Any:
    """The metadata in the header, which is an 8-byte length and then JSON."""
    with path.open("rb") as handle:
        (size,) = struct.unpack("<Q", handle.read(8))
        if size > path.stat().st_size:
            raise ValueError("the header is longer than the file")
        header = json.loads(handle.read(size))
        return header.get("__metadata__", {}) if isinstance(header, dict) else header
