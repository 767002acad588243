"""An append-only JSONL file that survives being killed: what is in it was paid for once and is never paid for again."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hf_selfdemo.errors import UserError


class Journal:
    """Rows by id, each on the disk before `append` returns.

    A line torn by a kill is cut off when the file is opened again; everything before it is kept.

    Args:
        path: the file; its folder is made.

    Raises:
        UserError: if a line other than the last cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "j.jsonl"
        >>> Journal(path).append([{"id": "a", "text": "x"}])
        >>> Journal(path).rows["a"]["text"]
        'x'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.rows: dict[str, dict[str, Any]] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            self._read()

    def append(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows in one go and wait until the disk has them."""
        rows = list(rows)
        by_id = {row["id"]: row for row in rows}  # before the file is touched, so that a bad row leaves it as it was
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        with self.path.open("ab") as out:
            out.write(lines)
            out.flush()
            os.fsync(out.fileno())
        self.rows.update(by_id)

    def _read(self) -> None:
        good = 0
        content = self.path.read_bytes()
        for number, line in enumerate(content.splitlines(keepends=True), 1):
            try:
                if not line.endswith(b"\n"):
                    raise ValueError("no end of line")
                row = json.loads(line)
                self.rows[row["id"]] = row
            except (ValueError, KeyError, TypeError):
                if good + len(line) < len(content):
                    raise UserError(
                        f"line {number} of {self.path} cannot be read", "remove that line, or the file to start anew"
                    ) from None
                with self.path.open("r+b") as out:
                    out.truncate(good)
                return
            good += len(line)
