"""The pipeline from evidence to a dataset of demonstrations, row by row, resumable at any moment.

demonstrations/
    run.json          the settings that decided the candidates
    candidates.jsonl  every row with all that was written for it, how it was judged, and what became of it
    train.parquet     the demonstrations: load_dataset("parquet", data_files=...) reads it anywhere
    skipped.jsonl     every row that became none, with the reason
    manifest.json     counts, costs, versions, hashes

Nothing of a run is kept in memory but a few bytes a row, so that its size does not matter; what was paid for is in the
ledger behind the generator, so that a killed run writes these files afresh without asking again.
"""

from __future__ import annotations

import glob
import json
import random
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet
from datasets import Dataset
from pyarrow.dataset import ParquetFragmentScanOptions

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.artefacts import Demonstrations
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed, UserError, explained
from hf_selfdemo.core.integrity import hashes, refuse_changed
from hf_selfdemo.core.manifest import atomic_file, read_json, read_json_lines, versions, write_checked_json
from hf_selfdemo.core.protocols import Generator, Judge, Strategy, check_contract
from hf_selfdemo.core.ranges import ONE_OR_MORE, SHARE
from hf_selfdemo.core.types import CALL_FAILED, Candidate, Dialogue, Evidence, Judged, Skip, Verdict
from hf_selfdemo.data.rows import FEATURES, Spool, parquet_rows, replay_row
from hf_selfdemo.scoring.outcomes import is_verified


def demonstrate(
    evidence: Iterable[Evidence],
    strategy: Strategy,
    generator: Generator,
    judge: Judge,
    folder: Path,
    max_abstain_share: float = 1.0,
    replay_share: float = 0.0,
    window: int = 16,
    seed: int = 0,
    on_progress: Callable[[int], None] = lambda rows: None,
    about: Callable[[Dataset], dict[str, Any]] = lambda dataset: {},
) -> Dataset:
    """Write, judge and choose; save the dataset and say what became of every row.

    Args:
        evidence: the rows, ids unique; may be a generator, and is gone through once.
        strategy: what to ask and what to keep.
        generator: who writes. Wrapped in a `RecordedGenerator` it never makes a call twice, whatever interrupts.
        judge: who labels.
        folder: where everything goes.
        max_abstain_share: largest share of abstentions among the demonstrations.
        replay_share: closed-book rows with the model's own closed-book words, per demonstration.
        window: rows in flight.
        seed: of the draws.
        on_progress: called with 1 for every row that is done.
        about: what else the manifest is to tell, asked when the dataset is written; the manifest comes after it.

    Returns:
        The dataset, with the columns of `FEATURES`.

    Raises:
        ValueError: if two rows share an id.
        RowsLost: if a row is neither in the dataset nor named in `skipped.jsonl`; there is no manifest then.
        UserError: if a share is none, `window` is below 1, strategy, generator or judge lacks a member of its contract,
            or no row at all could be asked.
    """
    SHARE.check(max_abstain_share=max_abstain_share, replay_share=replay_share)
    ONE_OR_MORE.check(window=window)
    check_contract(strategy, Strategy, "strategy")
    check_contract(generator, Generator, "generator")
    check_contract(judge, Judge, "judge")
    folder.mkdir(parents=True, exist_ok=True)
    spool = Spool(folder)
    asked: set[str] = set()
    rows = _unique(evidence, asked)
    dialogues = (judged_row(row, strategy, judge) for row in rows)
    for judged in converse(dialogues, generator, window):
        spool.write(judged)
        on_progress(1)
    deque(rows, maxlen=0)  # rows that nobody took went in, too
    if spool.failed and spool.failed == len(spool.outcomes):
        raise UserError("no row could be asked", spool.failure)
    over = abstentions_over(spool.outcomes, max_abstain_share, seed)
    spool.skip(over, f"abstention over max_abstain_share {max_abstain_share:g}")
    kept = sum(outcome != "" for outcome in spool.outcomes)
    replays = random.Random(seed).sample(spool.replays, min(round(replay_share * kept), len(spool.replays)))
    figures = _save(spool, replays, folder)
    dataset = load_demonstrations(folder)
    skipped = [row["id"] for row in read_json_lines(folder / "skipped.jsonl")]
    account_for(asked, [*dataset["id"][: len(dataset) - len(replays)], *skipped], "demonstrating")
    told = {"judge": judge.report(), "versions": versions()} | about(dataset)
    write_checked_json(folder / "manifest.json", figures | told)
    return dataset


def judged_row(row: Evidence, strategy: Strategy, judge: Judge) -> Dialogue[Judged]:
    """All that is asked about one row, and what comes of it. A call that failed costs this row alone."""
    candidates: list[Candidate] = []
    try:
        candidates = yield from strategy.write(row)
        verdicts = yield from judge.judge(row, candidates)
        return Judged(row, candidates, verdicts, strategy.select(row, candidates, verdicts))
    except CallFailed as failure:
        unscored = [Verdict("unscored", "a call failed")] * len(candidates)
        return Judged(row, candidates, unscored, Skip(CALL_FAILED, str(failure)))


def abstentions_over(outcomes: Sequence[str], share: float, seed: int) -> set[int]:
    """Places of the abstentions to leave out, by seed, so that they are at most `share` of the demonstrations.

    A weak model fails most hard questions; trained on all its failures it refuses everything. With no answer at all
    among the demonstrations nothing can be balanced, and all are kept for the preflight to report.

    Args:
        outcomes: "answer", "abstain" or "" of every row.
        share: 0 to 1.
        seed: of the draw.

    Example:
        >>> len(abstentions_over(["answer", "abstain", "abstain", ""], 0.5, seed=0))
        1
    """
    answers, abstentions = outcomes.count("answer"), [i for i, o in enumerate(outcomes) if o == "abstain"]
    allowed = len(abstentions) if share >= 1 or not answers else int(answers * share / (1 - share))
    return set(random.Random(seed).sample(abstentions, max(0, len(abstentions) - allowed)))


def _unique(evidence: Iterable[Evidence], seen: set[str]) -> Iterator[Evidence]:
    """The rows as they are taken, their ids put into `seen`."""
    for row in evidence:
        if row.id in seen:
            raise ValueError(f"evidence ids are not unique: {row.id!r} comes twice")
        seen.add(row.id)
        yield row


def _save(spool: Spool, replays: Sequence[int], folder: Path) -> dict[str, Any]:
    """Write the dataset and the records beside it, each whole or not at all, and count.

    The manifest of an earlier dataset goes first: where there is none, a start was stopped.
    """
    (folder / "manifest.json").unlink(missing_ok=True)
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("outcomes", "skipped", "candidate_labels", "winners", "pairs")
    }
    unverified = 0
    with (
        parquet_rows(folder / "train.parquet") as train,
        atomic_file(folder / "candidates.jsonl") as candidates,
        atomic_file(folder / "skipped.jsonl") as skipped,
    ):
        for found in spool.read(range(len(spool.outcomes))):
            row, skip = found["row"], found["skipped"]
            if skip:
                skipped.write(json.dumps({"id": row["id"]} | skip, ensure_ascii=False) + "\n")
            else:
                train.write(row)
            candidates.write(json.dumps(row | {"skipped": skip["reason"] if skip else ""}, ensure_ascii=False) + "\n")
            _count(counts, row, skip)
            unverified += _has_unverified_winner(row)
        for replay in map(replay_row, spool.read(replays)):
            train.write(replay)
            counts["outcomes"][_kind(replay)] += 1
    winners = counts["winners"].total()
    return {
        "rows_in": len(spool.outcomes),
        "unverified_winner_rate": unverified / winners if winners else None,
        "demonstrations": counts["outcomes"].total(),
        **hashes(folder, [folder / name for name in FILES]),
        **{name: dict(sorted(found.items())) for name, found in counts.items()},
    }


def _count(counts: dict[str, Counter[str]], row: dict[str, Any], skip: dict[str, str] | None) -> None:
    counts["candidate_labels"].update(f"{c['source']}: {c['label']}" for c in row["candidates"])
    if winner := _winner(row):
        counts["winners"][f"{winner['source']}: {winner['label']}"] += 1
    if skip:
        counts["skipped"][skip["reason"]] += 1
        return
    counts["outcomes"][_kind(row)] += 1
    counts["pairs"][f"{row['outcome']} over {row['rejected_label']}" if row["rejected_label"] else "no pair"] += 1


def _winner(row: dict[str, Any]) -> dict[str, Any] | None:
    """Who won the tournament, if there was one; of equal candidates, which share the first place, the first."""
    return next((c for c in row["candidates"] if c["place"] == 1), None)


def _has_unverified_winner(row: dict[str, Any]) -> bool:
    winner, finished = _winner(row), [c["label"] for c in row["candidates"] if c["finish_reason"] == "stop"]
    return winner is not None and not is_verified(winner["label"], finished)


def _kind(row: dict[str, Any]) -> str:
    """What a row trains, for people."""
    outcome = "answers" if row["outcome"] == "answer" else "abstentions"
    place = " shown closed-book" if row["mode"] == "closed_book" else ""
    return f"{outcome}{place} (from {row['source']} candidates)"


FILES = ("train.parquet", "candidates.jsonl", "skipped.jsonl")
"""The files whose hashes stand in the manifest, under their names."""


def checked_file(folder: Path, name: str) -> Path:
    """One of the files that `demonstrate` saved in `folder`.

    Raises:
        UserError: if it is not what the manifest beside it speaks of.
    """
    path = folder / "manifest.json"
    known = read_json(path, Demonstrations, missing_ok=True).get(name)
    refuse_changed(folder, {name: known} if known else {}, _DAMAGED)
    return folder / name


def load_demonstrations(folder: Path) -> Dataset:
    """Read the dataset that `demonstrate` saved in `folder`.

    Raises:
        UserError: if its file is damaged, or of another kind.
    """
    path = checked_file(folder, "train.parquet")
    with explained(f"{path} cannot be read", _DAMAGED):
        if not pyarrow.parquet.read_metadata(path).num_rows:  # datasets cannot read a file without rows
            return Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)
        piecewise = ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)  # else all of it is held
        found: Dataset = datasets.Dataset.from_parquet(
            glob.escape(str(path)),  # datasets takes paths for patterns
            fragment_scan_options=piecewise,
        )
    if lacking := [name for name in FEATURES if name not in found.column_names]:
        raise UserError(f"{path} has no column {lacking[0]!r}", _DAMAGED)
    return found


_DAMAGED = "remove it and demonstrate again: calls that were made are in the ledger"
