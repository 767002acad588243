"""The pipeline from evidence to a dataset of demonstrations, row by row, resumable at any moment.

demonstrations/
    run.json          the settings that decided the candidates
    candidates.jsonl  every row that went in, with all that was written for it, how it was judged, and what became of
                      it; of several demonstrations the first
    train.parquet     the demonstrations: load_dataset("parquet", data_files=...) reads it anywhere
    skipped.jsonl     every row that is left out, with the reason
    manifest.json     counts, costs, versions, hashes

Nothing of a run is kept in memory but a few bytes a row, so that its size does not matter; what was paid for is in the
ledger behind the generator, so that a killed run writes these files afresh without asking again.
"""

from __future__ import annotations

import glob
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet
from datasets import Dataset
from pyarrow.dataset import ParquetFragmentScanOptions

from hf_selfdemo.core.accounting import RowsLost, account_for
from hf_selfdemo.core.artefacts import Demonstrations
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import CallFailed, UserError, explained
from hf_selfdemo.core.integrity import hashes, refuse_changed
from hf_selfdemo.core.manifest import atomic_file, read_json, read_json_lines, versions, write_checked_json
from hf_selfdemo.core.protocols import Generator, Judge, Strategy, check_contract
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import (
    CALL_FAILED,
    FURTHER,
    Candidate,
    Demonstration,
    Dialogue,
    Evidence,
    Judged,
    Skip,
    Verdict,
)
from hf_selfdemo.data.documents.rows import is_document
from hf_selfdemo.data.rows import FEATURES, Spool, pair_kind, parquet_rows, with_pairs_listed
from hf_selfdemo.scoring.outcomes import is_verified


def demonstrate(
    evidence: Iterable[Evidence],
    strategy: Strategy,
    generator: Generator,
    judge: Judge,
    folder: Path,
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
        window: rows in flight.
        seed: of the draws by which the strategy chooses over the whole set.
        on_progress: called with 1 for every row that is done.
        about: what else the manifest is to tell, asked when the dataset is written; the manifest comes after it.

    Returns:
        The dataset, with the columns of `FEATURES`.

    Raises:
        ValueError: if two rows share an id.
        RowsLost: if a row is neither in the dataset nor named in `skipped.jsonl`; there is no manifest then.
        UserError: if `window` is below 1, strategy, generator or judge lacks a member of its contract, the strategy
            chooses what its contract does not allow, or no row at all could be asked.
    """
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
    if spool.failed and spool.failed == spool.questions:
        raise UserError("no row could be asked", spool.failure)
    left_out = _arranged(strategy, spool.groups, seed)
    pairs = spool.kept_pairs(left_out)
    unpaired = _arranged(strategy, pairs, seed) if pairs else {}
    if not all(unpaired.values()):
        raise UserError("arrange leaves out a pair and gives no reason", "name each")
    figures = _save(spool, left_out, unpaired, folder)
    dataset = load_demonstrations(folder)
    skipped = [row["id"] for row in read_json_lines(folder / "skipped.jsonl")]
    told_of = [name for name in [*dataset["id"], *skipped] if name in asked or not FURTHER.search(name)]
    account_for(asked, told_of, "demonstrating")
    if len(dataset) != (kept := len(spool.groups) - len(left_out)):
        raise RowsLost(f"{kept} demonstrations were to be kept, and {len(dataset)} are in the dataset")
    told = {"judge": judge.report(), "versions": versions()} | about(dataset)
    write_checked_json(folder / "manifest.json", figures | told)
    return dataset


def _arranged(strategy: Strategy, groups: Sequence[str], seed: int) -> Mapping[int, str]:
    """What the strategy leaves out, by its place among all."""
    left_out = strategy.arrange(groups, seed)
    if unknown := [i for i in left_out if i not in range(len(groups))]:
        what = f"arrange leaves out place {unknown[0]} of {len(groups)}"
        raise UserError(what, "return places of the groups that it was given")
    return left_out


def judged_row(row: Evidence, strategy: Strategy, judge: Judge) -> Dialogue[Judged]:
    """All that is asked about one row, and what comes of it. A call that failed costs this row alone."""
    candidates: list[Candidate] = []
    try:
        candidates = yield from strategy.write(row)
        if is_document(row):  # nothing in it is an answer
            verdicts = [Verdict("unscored", "a document holds no answer")] * len(candidates)
        else:
            verdicts = yield from judge.judge(row, candidates)
        result = strategy.select(row, candidates, verdicts)
        _refuse_misfit(row, result)
        return Judged(row, candidates, verdicts, result)
    except CallFailed as failure:
        unscored = [Verdict("unscored", "a call failed")] * len(candidates)
        return Judged(row, candidates, unscored, Skip(CALL_FAILED, str(failure)))


def _refuse_misfit(row: Evidence, result: Sequence[Demonstration] | Skip) -> None:
    """Rows are known by their ids: the first is the question's own, and no two may be taken for one."""
    if isinstance(result, Skip):
        return
    if not isinstance(result, Sequence) or not result:
        what = f"select returned {'an empty' if isinstance(result, Sequence) else 'a'} {type(result).__name__}"
        raise UserError(f"{what} for row {row.id!r}", "return a list of demonstrations, or a Skip with the reason")
    suffixes = [made.suffix for made in result]
    if suffixes[0] or len(set(suffixes)) < len(suffixes):
        raise UserError(
            f"select gave the demonstrations of row {row.id!r} the suffixes {suffixes}",
            "give the first none, and each further one its own, as '#row_2'",
        )


def _unique(evidence: Iterable[Evidence], seen: set[str]) -> Iterator[Evidence]:
    """The rows as they are taken, their ids put into `seen`."""
    for row in evidence:
        if row.id in seen:
            raise ValueError(f"evidence ids are not unique: {row.id!r} comes twice")
        seen.add(row.id)
        yield row


def _save(spool: Spool, left_out: Mapping[int, str], unpaired: Mapping[int, str], folder: Path) -> dict[str, Any]:
    """Write the dataset and the records beside it, each whole or not at all, and count.

    The manifest of an earlier dataset goes first: where there is none, a start was stopped.

    Raises:
        UserError: if a row that went in would be neither kept nor named.
    """
    (folder / "manifest.json").unlink(missing_ok=True)
    counts: dict[str, Counter[str]] = {
        name: Counter() for name in ("outcomes", "skipped", "candidate_labels", "winners", "pairs")
    }
    unverified = 0
    with (
        parquet_rows(folder / "train.parquet", spool.features) as train,
        atomic_file(folder / "candidates.jsonl") as candidates,
        atomic_file(folder / "skipped.jsonl") as skipped,
    ):
        for row, skip, first in spool.read(left_out, unpaired):
            reason = skip["reason"] if skip else ""
            if skip is None:
                train.write(row)
                _count_kept(counts, row)
            elif reason:
                skipped.write(json.dumps({"id": row["id"]} | skip, ensure_ascii=False) + "\n")
                counts["skipped"][reason] += 1
            elif first:
                what = f"arrange leaves out row {row['id']!r} and gives no reason"
                raise UserError(what, "name each first row of a question; only further ones may go unnamed")
            if first:
                candidates.write(json.dumps(row | {"skipped": reason}, ensure_ascii=False) + "\n")
                _count_written(counts, row)
                unverified += _has_unverified_winner(row)
    winners = counts["winners"].total()
    return {
        "rows_in": spool.questions,
        "unverified_winner_rate": unverified / winners if winners else None,
        "demonstrations": counts["outcomes"].total(),
        **hashes(folder, [folder / name for name in FILES]),
        **{name: dict(sorted(found.items())) for name, found in counts.items()},
        "pairs_left_out": dict(sorted(Counter(unpaired.values()).items())),
    }


def _count_written(counts: dict[str, Counter[str]], row: dict[str, Any]) -> None:
    counts["candidate_labels"].update(f"{c['source']}: {c['label']}" for c in row["candidates"])
    if winner := _winner(row):
        counts["winners"][f"{winner['source']}: {winner['label']}"] += 1


def _count_kept(counts: dict[str, Counter[str]], row: dict[str, Any]) -> None:
    counts["outcomes"][_kind(row)] += 1
    if row["mode"] != "closed_book":  # no pair is made of what is shown no passages
        kinds = [pair_kind(row["outcome"], one["label"]) for one in row["rejected"]]
        counts["pairs"].update(kinds or ["no pair"])


def _winner(row: dict[str, Any]) -> dict[str, Any] | None:
    """Who won the tournament, if there was one; of equal candidates, which share the first place, the first."""
    return next((c for c in row["candidates"] if c["place"] == 1), None)


def _has_unverified_winner(row: dict[str, Any]) -> bool:
    winner, finished = _winner(row), [c["label"] for c in row["candidates"] if c["finish_reason"] == "stop"]
    return winner is not None and not is_verified(winner["label"], finished)


def _kind(row: dict[str, Any]) -> str:
    """What a row trains, for people."""
    if kind := row.get("kind"):
        return f"{kind.replace('_', ' ')} rows"
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
    return with_pairs_listed(found)


_DAMAGED = "remove it and demonstrate again: calls that were made are in the ledger"
