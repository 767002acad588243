"""Demonstration rows on the disk: their columns, the place where they wait, and the Parquet file they end in."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet
from datasets import Features, List, Value

from hf_selfdemo.core.manifest import staged
from hf_selfdemo.core.types import (
    CALL_FAILED,
    CLOSED_BOOK,
    GOLD_REMOVED,
    Demonstration,
    Evidence,
    Judged,
    Passage,
    Question,
    Rejected,
    Skip,
)

_PASSAGE = {"id": Value("string"), "title": Value("string"), "text": Value("string"), "score": Value("float64")}
_CANDIDATE = {
    "text": Value("string"),
    "source": Value("string"),
    "prompt": Value("string"),
    "finish_reason": Value("string"),
    "label": Value("string"),
    "place": Value("int32"),
    "reason": Value("string"),
}
FEATURES = Features(
    {
        "id": Value("string"),
        "mode": Value("string"),
        "question": Value("string"),
        "answers": List(Value("string")),
        "passages": List(_PASSAGE),
        "answer_in_context": Value("bool"),
        "gold_removed": Value("bool"),
        "answerable": Value("bool"),
        "response": Value("string"),
        "outcome": Value("string"),
        "source": Value("string"),
        "verified": Value("bool"),
        "rejected": Value("string"),
        "rejected_label": Value("string"),
        "candidates": List(_CANDIDATE),
    }
)
"""The columns of a demonstration dataset. `answers` is for evaluation only; no prompt is ever made from it."""

_ROWS_A_WRITE = 512


class Spool:
    """Judged rows on the disk until it is known which of them are kept."""

    def __init__(self, folder: Path) -> None:
        self.offsets: list[int] = []
        self.outcomes: list[str] = []  # "answer", "abstain", or "" for what is skipped
        self.replays: list[int] = []  # rows with own closed-book words to replay
        self.failed, self.failure = 0, ""
        self._reasons: dict[int, str] = {}
        # gone with the process, however that ends
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def write(self, judged: Judged) -> None:
        result = judged.result
        if isinstance(result, Skip) and result.reason == CALL_FAILED:
            self.failed, self.failure = self.failed + 1, self.failure or result.detail
        own = [c.text for c in judged.candidates if c.source == "closed_book" and c.finish_reason == "stop" and c.text]
        if own and not judged.evidence.gold_removed:
            self.replays.append(len(self.outcomes))
        self.outcomes.append("" if isinstance(result, Skip) else result.outcome)
        self.offsets.append(self._file.tell())
        line = {"row": dataset_row(judged), "skipped": isinstance(result, Skip) and asdict(result), "own": own[:1]}
        self._file.write(json.dumps(line).encode() + b"\n")

    def skip(self, places: set[int], reason: str) -> None:
        for i in places:
            self.outcomes[i], self._reasons[i] = "", reason

    def read(self, places: Iterable[int]) -> Iterator[dict[str, Any]]:
        """Rows by place: "row" in the dataset's columns, "skipped" with the reason if it is, "own" words to replay."""
        for i in places:
            self._file.seek(self.offsets[i])
            found = json.loads(self._file.readline())
            if i in self._reasons:
                found["skipped"] = asdict(Skip(self._reasons[i]))
            yield found


class ParquetRows:
    """Rows to a Parquet file, a few at a time."""

    def __init__(self, writer: pyarrow.parquet.ParquetWriter) -> None:
        self._writer = writer
        self._rows: list[dict[str, Any]] = []

    def write(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_A_WRITE:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=FEATURES.arrow_schema))
        self._rows = []


@contextmanager
def parquet_rows(path: Path) -> Iterator[ParquetRows]:
    """A Parquet file to write rows to, which appears under its name when all is written, or not at all."""
    with staged(path) as staging, pyarrow.parquet.ParquetWriter(staging, FEATURES.arrow_schema) as writer:
        rows = ParquetRows(writer)
        yield rows
        rows.flush()


def evidence_row(evidence: Evidence) -> dict[str, Any]:
    """The row of a question that has no response yet: something to ask, not to learn from.

    Args:
        evidence: the question and the passages shown with it.

    Returns:
        A row in the columns of `FEATURES`; those about a response are empty.
    """
    question = evidence.question
    return {
        "id": evidence.id,
        "mode": "rag",
        "question": question.text,
        "answers": list(question.answers),
        "passages": [asdict(p) for p in evidence.passages],
        "answer_in_context": evidence.answer_in_context,
        "gold_removed": evidence.gold_removed,
        "answerable": question.answerable,
        "response": "",
        "outcome": "",
        "source": "",
        "verified": False,
        "rejected": "",
        "rejected_label": "",
        "candidates": [],
    }


def evidence_of(row: Mapping[str, Any]) -> Evidence:
    """The evidence that a row was made from, as far as the columns hold it.

    What they do not hold comes back empty: the passages that came with the question, the ids of its gold passages, and
    the collection it was taken from.

    Args:
        row: in the columns of `FEATURES`; those about a response are not read.

    Example:
        >>> twin = Evidence(Question("q1", "Who discovered germanium?", ("Winkler",)), gold_removed=True)
        >>> evidence_of(evidence_row(twin)) == twin
        True
    """
    question = Question(
        row["id"].removesuffix(GOLD_REMOVED) if row["gold_removed"] else row["id"],  # `Evidence.id` adds it
        row["question"],
        tuple(row["answers"]),
        answerable=row["answerable"],
    )
    passages = tuple(Passage(p["id"], p["text"], p["title"], p["score"]) for p in row["passages"])
    return Evidence(question, passages, row["answer_in_context"], row["gold_removed"])


def dataset_row(judged: Judged) -> dict[str, Any]:
    """The row of a judged question, whatever came of it."""
    result = judged.result
    evidence = result.evidence if isinstance(result, Demonstration) else judged.evidence  # a strategy may drop passages
    rejected = (result.rejected if isinstance(result, Demonstration) else None) or Rejected("", "")
    return evidence_row(evidence) | {
        "response": getattr(result, "response", ""),
        "outcome": getattr(result, "outcome", ""),
        "source": getattr(result, "source", ""),
        "verified": getattr(result, "verified", False),
        "rejected": rejected.text,
        "rejected_label": rejected.label,
        "candidates": [
            asdict(c) | {"label": v.label, "place": v.place, "reason": v.reason}
            for c, v in zip(judged.candidates, judged.verdicts, strict=True)
        ],
    }


def replay_row(found: dict[str, Any]) -> dict[str, Any]:
    """A closed-book row whose target is what the model says there anyway: an anchor, right or wrong."""
    row: dict[str, Any] = found["row"]
    return row | {
        "id": row["id"] + CLOSED_BOOK,
        "mode": "closed_book",
        "passages": [],
        "answer_in_context": False,
        "response": found["own"][0],
        "outcome": "answer",
        "source": "closed_book",
        "verified": False,
        "rejected": "",
        "rejected_label": "",
    }
