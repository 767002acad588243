"""Rows of a demonstration dataset: their columns, a temporary spool on disk, and the final Parquet file."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet
from datasets import Dataset, Features, List, Value

from hf_selfdemo.core.manifest import staged
from hf_selfdemo.core.types import (
    CALL_FAILED,
    FURTHER,
    GOLD_REMOVED,
    Candidate,
    Demonstration,
    Evidence,
    Judged,
    Passage,
    Question,
    Rejected,
    Segment,
    Skip,
    Verdict,
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
_REJECTED = {"text": Value("string"), "label": Value("string")}
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
        "rejected": List(_REJECTED),
        "candidates": List(_CANDIDATE),
    }
)
"""The columns of a demonstration dataset. `answers` is for evaluation only and never enters a prompt."""

_SEGMENT = {"text": Value("string"), "loss": Value("bool"), "noise": Value("float64")}
SEGMENTED = Features({**FEATURES, "kind": Value("string"), "segments": List(_SEGMENT)})
"""The columns if some rows are not replies to their question but made of segments."""

TRUSTED = Features({**SEGMENTED, "segments": List({**_SEGMENT, "trusted": Value("bool")})})
"""The columns if some segments are control tokens that the method adds to the vocabulary."""
_TEXTS = List(Value("string"))
_RANKING = {"questions": _TEXTS, "windows": _TEXTS, "likelihoods": List(Value("float64"))}
RANKED = Features({**SEGMENTED, "ranking": _RANKING})
"""The columns if rows are ranked lists that train a retriever."""

_ROWS_A_WRITE = 128
"""Rows of one Parquet row group. `datasets` keeps about sixteen row groups in memory when it reads the file."""


class Spooled(NamedTuple):
    """A row in the dataset's columns, why it is left out (if it is), and whether it is its question's first row."""

    row: dict[str, Any]
    skipped: dict[str, str] | None
    first: bool


class Spool:
    """Judged questions in a temporary file, one row per line, until the strategy has chosen which rows to keep.

    `groups` has the group of every demonstration, in order. `pairs` has the kinds of preference pairs that each
    demonstration makes. A skipped question has no entry in either.
    """

    def __init__(self, folder: Path) -> None:
        self.groups: list[str] = []
        self.pairs: list[tuple[str, ...]] = []
        self.questions, self.failed, self.failure = 0, 0, ""
        self.features = FEATURES
        # the system deletes it when the process ends, even if it is killed
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115

    def write(self, judged: Judged) -> None:
        self.questions += 1
        result = judged.result
        if isinstance(result, Skip):
            if result.reason == CALL_FAILED:
                self.failed, self.failure = self.failed + 1, self.failure or result.detail
            return self._write(Spooled(dataset_row(judged), asdict(result), first=True))
        for made in result:
            self.groups.append(sys.intern(made.group or made.outcome))
            self.pairs.append(tuple(sys.intern(pair_kind(made.outcome, r.label)) for r in made.rejected))
            if (made.ranking or made.kind) and self.features not in (TRUSTED, RANKED):
                self.features = features_of([dataset_row(judged, made)])
            self._write(Spooled(dataset_row(judged, made), None, first=not made.suffix))

    def _write(self, line: Spooled) -> None:
        self._file.write(json.dumps(line).encode() + b"\n")

    def kept_pairs(self, left_out: Collection[int]) -> list[str]:
        """The kinds of all preference pairs, in order, without those of left-out demonstrations."""
        return [kind for place, kinds in enumerate(self.pairs) if place not in left_out for kind in kinds]

    def read(self, left_out: Mapping[int, str], unpaired: Collection[int] = ()) -> Iterator[Spooled]:
        """All rows, in the order in which they were written.

        Args:
            left_out: index of each left-out demonstration among all demonstrations, with the reason.
            unpaired: indices in `kept_pairs` of the pairs that are left out.
        """
        self._file.seek(0)
        place, pair = -1, 0
        for line in map(json.loads, self._file):
            found = Spooled(*line)
            place += found.skipped is None
            if found.skipped is None and place in left_out:
                found = found._replace(skipped=asdict(Skip(left_out[place])))
            elif rejected := found.row["rejected"]:
                found.row["rejected"] = [one for i, one in enumerate(rejected, pair) if i not in unpaired]
                pair += len(rejected)
            yield found


class ParquetRows:
    """Writes rows to a Parquet file in small batches."""

    def __init__(self, writer: pyarrow.parquet.ParquetWriter, features: Features = FEATURES) -> None:
        self._writer, self._schema = writer, features.arrow_schema
        self._rows: list[dict[str, Any]] = []

    def write(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= _ROWS_A_WRITE:
            self.flush()

    def flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []


@contextmanager
def parquet_rows(path: Path, features: Features = FEATURES) -> Iterator[ParquetRows]:
    """Open a Parquet file for rows. It appears under its name once it is complete, or not at all."""
    with staged(path) as staging, pyarrow.parquet.ParquetWriter(staging, features.arrow_schema) as writer:
        rows = ParquetRows(writer, features)
        yield rows
        rows.flush()


def evidence_row(evidence: Evidence) -> dict[str, Any]:
    """The row of a question without a response: the model is asked with it and does not train on it.

    Args:
        evidence: the question and its passages.

    Returns:
        A row in the columns of `FEATURES`. The columns about a response are empty.
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
        "rejected": [],
        "candidates": [],
    }


def evidence_of(row: Mapping[str, Any]) -> Evidence:
    """The evidence that a row was made from, as far as the columns contain it.

    The columns lack the passages that came with the question, the ids of its gold passages, and the dataset it was
    taken from. These fields are empty.

    Args:
        row: a row in the columns of `FEATURES`. The columns about a response are not read.

    Example:
        >>> twin = Evidence(Question("q1", "Who discovered germanium?", ("Winkler",)), gold_removed=True)
        >>> evidence_of(evidence_row(twin)) == twin
        True
    """
    identifier = FURTHER.sub("", row["id"])
    question = Question(
        identifier.removesuffix(GOLD_REMOVED) if row["gold_removed"] else identifier,  # `Evidence.id` adds it
        row["question"],
        tuple(row["answers"]),
        answerable=row["answerable"],
    )
    passages = tuple(Passage(p["id"], p["text"], p["title"], p["score"]) for p in row["passages"])
    return Evidence(question, passages, row["answer_in_context"], row["gold_removed"])


def dataset_row(judged: Judged, made: Demonstration | None = None) -> dict[str, Any]:
    """The row of a judged question.

    Args:
        judged: the question with all its candidates and verdicts.
        made: one of its demonstrations, or None if it has none.
    """
    candidates = [_candidate(c, v) for c, v in zip(judged.candidates, judged.verdicts, strict=True)]
    if made is None:
        return evidence_row(judged.evidence) | {"candidates": candidates}
    of_kind: dict[str, Any] = {}
    if made.kind:
        of_kind = {"kind": made.kind, "segments": [_segment(one) for one in made.segments]}
    if made.ranking:
        of_kind["ranking"] = asdict(made.ranking)
    return evidence_row(made.evidence) | {  # a strategy may drop passages
        "id": made.id,
        "mode": made.mode,
        "response": made.response,
        "outcome": made.outcome,
        "source": made.source,
        "verified": made.verified,
        "rejected": [asdict(one) for one in made.rejected],
        "candidates": candidates,
        **of_kind,
    }


def features_of(rows: Iterable[Mapping[str, Any]]) -> Features:
    """The columns for rows of which some have segments or a ranking.

    Args:
        rows: rows with or without `segments` or a `ranking`.

    Example:
        >>> features_of([{"segments": [{"text": "[Yes]", "trusted": True}]}, {}]) == TRUSTED
        True
    """
    ranked = trusted = False
    for row in rows:
        ranked |= bool(row.get("ranking"))
        trusted |= any(one.get("trusted") for one in row.get("segments") or ())
    return RANKED if ranked else TRUSTED if trusted else SEGMENTED


def _segment(segment: Segment) -> dict[str, Any]:
    """A segment as a dict. It has the key `trusted` only if the segment is trusted."""
    return {name: value for name, value in asdict(segment).items() if value or name != "trusted"}


def _candidate(candidate: Candidate, verdict: Verdict) -> dict[str, Any]:
    """A candidate with its verdict. Fields that the columns lack, such as its log-probability, are kept only if set."""
    found = {key: value for key, value in asdict(candidate).items() if value or key in _CANDIDATE}
    return found | {"label": verdict.label, "place": verdict.place, "reason": verdict.reason}


def pair_kind(outcome: str, label: str) -> str:
    """The kind of a preference pair: its chosen and its rejected side, as counts and `Strategy.arrange` name it.

    Example:
        >>> pair_kind("answer", "incorrect")
        'answer over incorrect'
    """
    return f"{outcome} over {label}"


def rejected_of(row: Mapping[str, Any]) -> tuple[Rejected, ...]:
    """The rejected texts of a row: those that its response is preferred to.

    Args:
        row: a row in the columns of `FEATURES`. A row of an earlier version, with one text and its label in
            `rejected_label`, is read too, and so is a single text or a list of texts.

    Example:
        >>> rejected_of({"rejected": [{"text": "Basel.", "label": "incorrect"}]})
        (Rejected(text='Basel.', label='incorrect'),)
        >>> rejected_of({"rejected": "Basel.", "rejected_label": "incorrect"}) == _
        True
    """
    found, label = row.get("rejected") or "", row.get("rejected_label") or ""
    if isinstance(found, str):
        return (Rejected(found, label),) if found or label else ()
    texts = [{"text": one} if isinstance(one, str) else one for one in found]
    return tuple(Rejected(one["text"] or "", one.get("label") or "") for one in texts)


def with_pairs_listed(rows: Dataset) -> Dataset:
    """Convert the column `rejected` of an earlier version to a list (see `rejected_of`). Others stay as they are.

    Args:
        rows: a dataset of demonstrations.

    Example:
        >>> earlier = Dataset.from_list([{"id": "a", "rejected": "Basel.", "rejected_label": "incorrect"}])
        >>> with_pairs_listed(earlier)[0]
        {'id': 'a', 'rejected': [{'text': 'Basel.', 'label': 'incorrect'}]}
    """
    if rows.features.get("rejected", FEATURES["rejected"]) == FEATURES["rejected"]:
        return rows
    earlier = [name for name in ("rejected", "rejected_label") if name in rows.column_names]
    kept = Features({name: kind for name, kind in rows.features.items() if name not in earlier})
    listed: Dataset = rows.map(
        _listed, remove_columns=earlier, features=Features({**kept, "rejected": FEATURES["rejected"]})
    )
    return listed


def _listed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"rejected": [asdict(one) for one in rejected_of(row)]}
