"""The pipeline from evidence to a dataset of demonstrations, row by row, resumable at any moment.

demonstrations/
    run.json          the settings that decided the candidates
    candidates.jsonl  everything the model wrote, appended as it was written
    train.parquet     the demonstrations: load_dataset("parquet", data_files=...) reads it anywhere
    skipped.jsonl     every row that became none, with the reason
    manifest.json     counts, costs, versions, hashes
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import datasets
from datasets import Dataset, Features, List, Value

from hf_selfdemo.journal import Journal
from hf_selfdemo.manifest import file_hash, versions, write_json, write_text
from hf_selfdemo.protocols import Generator, Judge, Strategy
from hf_selfdemo.types import Candidate, Demonstration, Evidence, Skip, Verdict

FEATURES = Features(
    {
        "id": Value("string"),
        "mode": Value("string"),
        "question": Value("string"),
        "answers": List(Value("string")),
        "passages": List(
            {"id": Value("string"), "title": Value("string"), "text": Value("string"), "score": Value("float64")}
        ),
        "answer_in_context": Value("bool"),
        "gold_removed": Value("bool"),
        "answerable": Value("bool"),
        "response": Value("string"),
        "outcome": Value("string"),
        "source": Value("string"),
        "rejected": Value("string"),
        "candidates": List(
            {
                "text": Value("string"),
                "source": Value("string"),
                "prompt": Value("string"),
                "finish_reason": Value("string"),
                "label": Value("string"),
            }
        ),
    }
)
"""The columns of a demonstration dataset. `answers` is for evaluation only; no prompt is ever made from it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row after generation and judgement."""

    evidence: Evidence
    candidates: list[Candidate]
    verdicts: list[Verdict]
    result: Demonstration | Skip


def demonstrate(
    evidence: Sequence[Evidence],
    strategy: Strategy,
    generator: Generator,
    judge: Judge,
    folder: Path,
    max_abstain_share: float = 1.0,
    replay_share: float = 0.0,
    window: int = 16,
    seed: int = 0,
    on_progress: Callable[[int], None] = lambda rows: None,
) -> Dataset:
    """Write, judge and choose; save the dataset and say what became of every row.

    Args:
        evidence: the rows, ids unique.
        strategy: what to ask and what to keep.
        generator: who writes.
        judge: who labels.
        folder: where everything goes. Candidates found there are used and not written again.
        max_abstain_share: largest share of abstentions among the demonstrations.
        replay_share: closed-book rows with the model's own closed-book words, per demonstration.
        window: rows generated between two saves.
        seed: of the draws.
        on_progress: called with the number of rows whose candidates are on the disk.

    Returns:
        The dataset, with the columns of `FEATURES`.

    Raises:
        ValueError: if two rows share an id.
    """
    if len({row.id for row in evidence}) != len(evidence):
        raise ValueError("evidence ids are not unique")
    candidates = _write_candidates(evidence, strategy, generator, folder, window, on_progress)
    judged = []
    for row in evidence:
        verdicts = judge.judge(row, candidates[row.id])
        judged.append(Judged(row, candidates[row.id], verdicts, strategy.select(row, candidates[row.id], verdicts)))
    judged = cap_abstentions(judged, max_abstain_share, seed)
    rows = [_row(j, j.result) for j in judged if isinstance(j.result, Demonstration)]
    rows += [_row(j, replay) for j, replay in _replays(judged, round(replay_share * len(rows)), seed)]
    dataset = Dataset.from_dict({name: [row[name] for row in rows] for name in FEATURES}, features=FEATURES)
    _save(dataset, judged, generator, folder)
    return dataset


def cap_abstentions(judged: Sequence[Judged], share: float, seed: int) -> list[Judged]:
    """Leave out abstentions by seed until they are at most `share` of the demonstrations.

    A weak model fails most hard questions; trained on all its failures it refuses everything. With no answer at all
    among the demonstrations nothing can be capped, and the rows are kept as they are for the preflight to report.

    Example:
        >>> cap_abstentions([], 0.5, 0)
        []
    """
    outcomes = [j.result.outcome if isinstance(j.result, Demonstration) else "" for j in judged]
    answers, abstentions = outcomes.count("answer"), [i for i, o in enumerate(outcomes) if o == "abstain"]
    allowed = len(abstentions) if share >= 1 or not answers else int(answers * share / (1 - share))
    dropped = set(random.Random(seed).sample(abstentions, max(0, len(abstentions) - allowed)))
    reason = Skip(f"abstention over max_abstain_share {share:g}")
    return [Judged(j.evidence, j.candidates, j.verdicts, reason) if i in dropped else j for i, j in enumerate(judged)]


def _write_candidates(
    evidence: Sequence[Evidence],
    strategy: Strategy,
    generator: Generator,
    folder: Path,
    window: int,
    on_progress: Callable[[int], None],
) -> dict[str, list[Candidate]]:
    journal = Journal(folder / "candidates.jsonl")
    requests = {row.id: strategy.requests(row) for row in evidence}
    pending = [row for row in evidence if requests[row.id] and row.id not in journal.rows]
    on_progress(len(evidence) - len(pending))
    for start in range(0, len(pending), window):
        part = pending[start : start + window]
        written = iter(generator.generate([request for row in part for request in requests[row.id]]))
        journal.append({"id": row.id, "candidates": [asdict(next(written)) for _ in requests[row.id]]} for row in part)
        on_progress(len(part))
    found = {i: [Candidate(**c) for c in row["candidates"]] for i, row in journal.rows.items()}
    return {row.id: found.get(row.id, []) if requests[row.id] else [] for row in evidence}


def _replays(judged: Sequence[Judged], count: int, seed: int) -> list[tuple[Judged, Demonstration]]:
    """Closed-book rows whose target is what the model says there anyway: an anchor, right or wrong."""
    found = []
    for j in judged:
        own = [c for c in j.candidates if c.source == "closed_book" and c.finish_reason == "stop" and c.text]
        if own and not j.evidence.gold_removed:
            found.append((j, Demonstration(j.evidence, own[0].text, "answer", "closed_book", mode="closed_book")))
    return random.Random(seed).sample(found, min(count, len(found)))


def _row(judged: Judged, demonstration: Demonstration) -> dict[str, Any]:
    evidence, question = judged.evidence, judged.evidence.question
    closed_book = demonstration.mode == "closed_book"
    return {
        "id": evidence.id + ("#closed_book" if closed_book else ""),
        "mode": demonstration.mode,
        "question": question.text,
        "answers": list(question.answers),
        "passages": [] if closed_book else [asdict(p) for p in evidence.passages],
        "answer_in_context": evidence.answer_in_context and not closed_book,
        "gold_removed": evidence.gold_removed,
        "answerable": question.answerable,
        "response": demonstration.response,
        "outcome": demonstration.outcome,
        "source": demonstration.source,
        "rejected": demonstration.rejected,
        "candidates": [asdict(c) | {"label": v.label} for c, v in zip(judged.candidates, judged.verdicts, strict=True)],
    }


def _save(dataset: Dataset, judged: Sequence[Judged], generator: Generator, folder: Path) -> None:
    staging = folder / "train.parquet.part"
    dataset.to_parquet(staging)
    os.replace(staging, folder / "train.parquet")
    skipped = [(j.evidence.id, j.result.reason) for j in judged if isinstance(j.result, Skip)]
    lines = "".join(json.dumps({"id": i, "reason": reason}, ensure_ascii=False) + "\n" for i, reason in skipped)
    write_text(folder / "skipped.jsonl", lines)
    labels = Counter(f"{c.source}: {v.label}" for j in judged for c, v in zip(j.candidates, j.verdicts, strict=True))
    write_json(
        folder / "manifest.json",
        {
            "rows_in": len(judged),
            "demonstrations": len(dataset),
            "outcomes": dict(Counter(map(_kind, dataset))),
            "skipped": dict(Counter(reason for _, reason in skipped)),
            "candidate_labels": dict(labels),
            "usage_of_this_start": asdict(generator.usage),
            "train.parquet": file_hash(folder / "train.parquet"),
            "versions": versions(),
        },
    )


def _kind(row: dict[str, Any]) -> str:
    """What a row trains, for people."""
    outcome = "answers" if row["outcome"] == "answer" else "abstentions"
    place = " shown closed-book" if row["mode"] == "closed_book" else ""
    return f"{outcome}{place} (from {row['source']} candidates)"


def load_demonstrations(folder: Path) -> Dataset:
    """Read the dataset that `demonstrate` saved in `folder`."""
    return datasets.Dataset.from_parquet(str(folder / "train.parquet"))
