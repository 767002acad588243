"""The generation cache (ledger): every finished call in one SQLite file, so that no call is made twice.

SQLite has the strongest guarantees of the storages in the standard library. A commit is on the disk when it returns
(write-ahead log, synchronous=FULL), an incomplete write is rolled back when the file is next opened, and several
processes on one machine may share a file. Network file systems do not lock reliably.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.in_flight import InFlight
from hf_selfdemo.core.types import Reply

FORMAT = 1
_APPLICATION_ID = 0x48465344  # distinguishes our files from other programs' SQLite databases
_BUSY_S = 60.0

_DAMAGED = "restore the file from a copy, or move it away to start a new one"

_SELDOM = ("raw", "left_out", "logprob", "tokens", "added")  # fields that are written only if they are set

_COLUMNS = (
    *("key", "model", "stage", "request", "reply"),
    *("prompt_tokens", "cached_tokens", "generated_tokens", "at"),
)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    key TEXT PRIMARY KEY, model TEXT NOT NULL, stage TEXT NOT NULL, request TEXT NOT NULL, reply TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL, generated_tokens INTEGER NOT NULL, at REAL NOT NULL,
    checksum TEXT
) WITHOUT ROWID
"""
_ROW = ", ".join(_COLUMNS)
_INSERT = f"INSERT OR IGNORE INTO calls VALUES ({', '.join('?' * (len(_COLUMNS) + 1))})"
_UNCHECKED = "ALTER TABLE calls ADD COLUMN checksum TEXT"
"""Converts a ledger of an earlier version. Its calls have no checksum and are not checked."""

Call = tuple[Any, ...]
"""A call as a row of the table: key, model, stage, request, reply as JSON, numbers of tokens, time, and checksum."""


class Ledger:
    """Stores replies by key. A reply is on the disk when `put` returns. Threads and processes may share a ledger.

    Args:
        path: the file; its folder is created.

    `in_flight` has the claims to calls that are being made, so that no call is made twice at the same time.

    Raises:
        UserError: if the file is not a ledger, has another format, is damaged, or cannot be written (the disk is full,
            or another process locks it for a minute).

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "ledger.sqlite"
        >>> Ledger(path).put("k", "tiny", "rag", "q1/rag/0", Reply("Paris")).text
        'Paris'
        >>> Ledger(path).get("k").text
        'Paris'
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.RLock()
        self.in_flight = InFlight(path.with_name(f"{path.name}.calls"))
        path.parent.mkdir(parents=True, exist_ok=True)
        with self._explained():
            self._db = sqlite3.connect(path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._open()

    def _open(self) -> None:
        new = not self._value("SELECT count(*) FROM sqlite_master")
        application, version = self._value("PRAGMA application_id"), self._value("PRAGMA user_version")
        if not new and application != _APPLICATION_ID:
            raise UserError(f"{self.path} is a database of another program", "set `ledger` to another file")
        if not new and version != FORMAT:
            raise UserError(
                f"the generation cache {self.path} has format {version}, but this hf-selfdemo reads format {FORMAT}",
                "set `ledger` to another file, or use the version that wrote it",
            )
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.create_function("checksum_of", len(_COLUMNS), _checksum, deterministic=True)
        self._db.execute("BEGIN IMMEDIATE")  # two processes may be creating the file at the same time
        if new:
            self._db.execute(_SCHEMA)
        elif not self._value("SELECT count(*) FROM pragma_table_info('calls') WHERE name = 'checksum'"):
            self._db.execute(_UNCHECKED)
        self._db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
        self._db.execute(f"PRAGMA user_version = {FORMAT}")
        self._db.execute("COMMIT")

    def get(self, key: str) -> Reply | None:
        """The reply under `key`, or None if the ledger does not contain the call."""
        with self._lock, self._explained():
            query = f"SELECT reply, checksum, checksum_of({_ROW}) FROM calls WHERE key = ?"
            reply, known, checksum = self._db.execute(query, (key,)).fetchone() or (None, None, None)
        if known is not None and known != checksum:
            what = f"the generation cache {self.path} contains a call that was changed since it was written"
            raise UserError(what, _DAMAGED)
        with explained(f"the generation cache {self.path} contains a call that cannot be read", _DAMAGED):
            return None if reply is None else _read(reply)

    def put(self, key: str, model: str, stage: str, request: str, reply: Reply) -> Reply:
        """Store a call and return the stored reply. If the key already exists, the first reply is kept and returned."""
        said = (key, model, stage, request, _written(reply))
        row = (*said, reply.prompt_tokens, reply.cached_tokens, reply.generated_tokens, time.time())
        self._record((*row, _checksum(*row)))
        kept = self.get(key)
        assert kept is not None
        return kept

    def _record(self, call: Call) -> None:
        with self._lock, self._explained():
            self._db.execute(_INSERT, call)

    def add(self, calls: Iterable[Call]) -> int:
        """Store calls of other ledgers, all or none. If a key already exists, the first call is kept.

        Args:
            calls: calls as `all_but` returns them.

        Returns:
            The number of new calls.
        """
        with self._lock, self._explained():
            before = self._db.total_changes
            self._db.execute("BEGIN IMMEDIATE")
            try:
                self._db.executemany(_INSERT, calls)
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")
            return self._db.total_changes - before

    def all_but(self, keys: Iterable[str]) -> Iterator[Call]:
        """All calls whose key is not among `keys`. Neither calls nor keys are kept in memory."""
        with self._lock, self._explained():
            self._db.execute("CREATE TEMP TABLE IF NOT EXISTS known (key TEXT PRIMARY KEY) WITHOUT ROWID")
            self._db.execute("DELETE FROM known")
            self._db.executemany("INSERT OR IGNORE INTO known VALUES (?)", ((key,) for key in keys))
            others = "key NOT IN (SELECT key FROM known)"
            yield from self._db.execute(f"SELECT {_ROW}, checksum FROM calls WHERE {others} ORDER BY key")

    def drop_empty(self, key: str) -> None:
        """Delete a call if its reply has no text. A call with a text, such as a newer one of another process, stays."""
        empty = "json_extract(reply, '$.text') = '' AND json_extract(reply, '$.raw') IS NULL"
        with self._lock, self._explained():
            self._db.execute(f"DELETE FROM calls WHERE key = ? AND {empty}", (key,))

    def summary(self) -> list[dict[str, Any]]:
        """Numbers of calls and tokens by model and stage, with the first and last time (seconds since 1970).

        Raises:
            UserError: if any call was changed since it was written. All calls are checked.
        """
        query = """
            SELECT model, stage, count(*) AS calls, sum(prompt_tokens) AS prompt_tokens,
                   sum(cached_tokens) AS cached_tokens, sum(generated_tokens) AS generated_tokens,
                   min(at) AS first, max(at) AS last
            FROM calls GROUP BY model, stage ORDER BY model, min(at)
        """
        damaged = f"SELECT count(*) FROM calls WHERE checksum != checksum_of({_ROW})"
        with self._lock, self._explained():
            if count := self._value(damaged):
                what = f"{count} calls in the generation cache {self.path} were changed since they were written"
                raise UserError(what, _DAMAGED)
            cursor = self._db.execute(query)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

    def close(self) -> None:
        """Merge the write-ahead log into the file and close it."""
        with self._lock:
            self._db.close()

    def _value(self, query: str) -> Any:
        return self._db.execute(query).fetchone()[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            what = str(error)
            remedy = "check that the file can be read and written"
            if "full" in what:
                remedy = "free some space; finished calls are kept, and the same command continues"
            elif "locked" in what:
                remedy = "another process locks it: stop that process, or wait"
            elif "not a database" in what or "malformed" in what:
                remedy = _DAMAGED
            raise UserError(f"the generation cache {self.path} cannot be used ({what})", remedy) from None


def is_as_written(call: Call) -> bool:
    """Whether the checksum of a call is right. Calls of an earlier version have no checksum and count as right."""
    return call[-1] is None or call[-1] == _checksum(*call[:-1])


def _checksum(*row: Any) -> str:
    """The checksum over all columns of a call."""
    return hashlib.sha256(repr(row).encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _written(reply: Reply) -> str:
    return json.dumps(
        {name: value for name, value in asdict(reply).items() if value or value == 0.0 or name not in _SELDOM}
    )


def _read(reply: str) -> Reply:
    fields = json.loads(reply)
    fields |= {name: tuple(fields.get(name, ())) for name in ("scores", "left_out")}
    fields["tokens"] = tuple((token, logprob) for token, logprob in fields.get("tokens", ()))
    fields["added"] = tuple((place, tuple(logprobs)) for place, logprobs in fields.get("added", ()))
    return Reply(**fields)
