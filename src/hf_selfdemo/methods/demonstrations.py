"""The pipeline from evidence to a dataset of demonstrations, which can be interrupted and resumed at any time.

demonstrations/
    run.json          the settings that decided the candidates
    candidates.jsonl  every input row with its candidates, their verdicts, and the result; of several demonstrations
                      the first
    train.parquet     the demonstrations; read it with load_dataset("parquet", data_files=...)
    skipped.jsonl     every row that is left out, with the reason
    manifest.json     counts, costs, versions, hashes

A run keeps only a few bytes per row in memory, so that its size does not matter. All calls are in the generation cache
(ledger) of the generator, so that a run that was killed writes these files again without repeating a call.
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
    """Write and judge candidates, choose demonstrations, and save the dataset with the reason for every skipped row.

    Args:
        evidence: the rows, with unique ids; may be an iterator.
        strategy: says what to ask and what to keep.
        generator: the model that writes. Wrapped in a `RecordedGenerator` it never repeats a call after an
            interruption.
        judge: labels the candidates.
        folder: the output folder.
        window: number of rows in flight.
        seed: seed of the draws with which the strategy chooses over the whole dataset.
        on_progress: called with 1 for every row that is done.
        about: returns further entries of the manifest; it is called with the saved dataset, before the manifest is
            written.

    Returns:
        The dataset, with the columns of `FEATURES`.

    Raises:
        ValueError: if two rows have the same id.
        RowsLost: if a row is neither in the dataset nor in `skipped.jsonl`; then no manifest is written.
        UserError: if `window` is below 1, strategy, generator or judge lacks a member of its protocol, the strategy
            returns something that its protocol does not allow, or every call failed.
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
    deque(rows, maxlen=0)  # so that `asked` has all ids, even if some rows were never taken
    if spool.failed and spool.failed == spool.questions:
        raise UserError("the calls of all rows failed", spool.failure)
    left_out = _arranged(strategy, spool.groups, seed)
    pairs = spool.kept_pairs(left_out)
    unpaired = _arranged(strategy, pairs, seed) if pairs else {}
    if not all(unpaired.values()):
        raise UserError("the strategy's arrange leaves out a pair without a reason", "return a reason for each pair")
    figures = _save(spool, left_out, unpaired, folder)
    dataset = load_demonstrations(folder)
    skipped = [row["id"] for row in read_json_lines(folder / "skipped.jsonl")]
    told_of = [name for name in [*dataset["id"], *skipped] if name in asked or not FURTHER.search(name)]
    account_for(asked, told_of, "demonstrating")
    if len(dataset) != (kept := len(spool.groups) - len(left_out)):
        raise RowsLost(f"{kept} demonstrations should be in the dataset, but it has {len(dataset)}")
    told = {"judge": judge.report(), "versions": versions()} | about(dataset)
    write_checked_json(folder / "manifest.json", figures | told)
    return dataset


def _arranged(strategy: Strategy, groups: Sequence[str], seed: int) -> Mapping[int, str]:
    """The indices that the strategy leaves out, with the reasons."""
    left_out = strategy.arrange(groups, seed)
    if unknown := [i for i in left_out if i not in range(len(groups))]:
        what = f"the strategy's arrange leaves out index {unknown[0]} of {len(groups)} groups"
        raise UserError(what, "return indices of the groups that it was given")
    return left_out


def judged_row(row: Evidence, strategy: Strategy, judge: Judge) -> Dialogue[Judged]:
    """The calls for one row, and its result. If a call fails, only this row is lost."""
    candidates: list[Candidate] = []
    try:
        candidates = yield from strategy.write(row)
        if is_document(row):  # candidates of a document are not answers
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
    """Check what a strategy selected: a non-empty list whose suffixes make unique ids, the first one empty."""
    if isinstance(result, Skip):
        return
    if not isinstance(result, Sequence) or not result:
        what = f"select returned {'an empty' if isinstance(result, Sequence) else 'a'} {type(result).__name__}"
        raise UserError(f"the strategy's {what} for row {row.id!r}", "return a list of demonstrations, or a Skip")
    suffixes = [made.suffix for made in result]
    if suffixes[0] or len(set(suffixes)) < len(suffixes):
        raise UserError(
            f"the strategy's select gave the demonstrations of row {row.id!r} the suffixes {suffixes}",
            "give the first no suffix, and each other a unique one, such as '#row_2'",
        )


def _unique(evidence: Iterable[Evidence], seen: set[str]) -> Iterator[Evidence]:
    """Pass the rows through, and add their ids to `seen`."""
    for row in evidence:
        if row.id in seen:
            raise ValueError(f"evidence ids are not unique: {row.id!r} occurs twice")
        seen.add(row.id)
        yield row


def _save(spool: Spool, left_out: Mapping[int, str], unpaired: Mapping[int, str], folder: Path) -> dict[str, Any]:
    """Write the dataset and the other files, each atomically, and return the counts.

    The manifest of an earlier dataset is deleted first, so that a missing manifest means an interrupted run.

    Raises:
        UserError: if the strategy leaves out a row without a reason.
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
                what = f"the strategy's arrange leaves out row {row['id']!r} without a reason"
                raise UserError(what, "return a reason for each question's first row; only further rows need none")
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
    if row["mode"] != "closed_book":  # closed-book rows have no pairs
        kinds = [pair_kind(row["outcome"], one["label"]) for one in row["rejected"]]
        counts["pairs"].update(kinds or ["no pair"])


def _winner(row: dict[str, Any]) -> dict[str, Any] | None:
    """The winner of the tournament, if there was one; of several candidates in first place, the first."""
    return next((c for c in row["candidates"] if c["place"] == 1), None)


def _has_unverified_winner(row: dict[str, Any]) -> bool:
    winner, finished = _winner(row), [c["label"] for c in row["candidates"] if c["finish_reason"] == "stop"]
    return winner is not None and not is_verified(winner["label"], finished)


def _kind(row: dict[str, Any]) -> str:
    """The kind of a row in words, for the manifest."""
    if kind := row.get("kind"):
        return f"{kind.replace('_', ' ')} rows"
    outcome = "answers" if row["outcome"] == "answer" else "abstentions"
    place = " shown closed-book" if row["mode"] == "closed_book" else ""
    return f"{outcome}{place} (from {row['source']} candidates)"


FILES = ("train.parquet", "candidates.jsonl", "skipped.jsonl")
"""The files whose hashes are in the manifest."""


def checked_file(folder: Path, name: str) -> Path:
    """The path of a file that `demonstrate` saved in `folder`, after a check of its hash.

    Raises:
        UserError: if it does not match the manifest.
    """
    path = folder / "manifest.json"
    known = read_json(path, Demonstrations, missing_ok=True).get(name)
    refuse_changed(folder, {name: known} if known else {}, _DAMAGED)
    return folder / name


def load_demonstrations(folder: Path) -> Dataset:
    """Read the dataset that `demonstrate` saved in `folder`.

    Raises:
        UserError: if its file is damaged or has other columns.
    """
    path = checked_file(folder, "train.parquet")
    with explained(f"{path} cannot be read", _DAMAGED):
        if not pyarrow.parquet.read_metadata(path).num_rows:  # datasets cannot read a file without rows
            return Dataset.from_dict({name: [] for name in FEATURES}, features=FEATURES)
        piecewise = ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)  # saves memory
        found: Dataset = datasets.Dataset.from_parquet(
            glob.escape(str(path)),  # datasets reads paths as patterns
            fragment_scan_options=piecewise,
        )
    if lacking := [name for name in FEATURES if name not in found.column_names]:
        raise UserError(f"{path} has no column {lacking[0]!r}", _DAMAGED)
    return with_pairs_listed(found)


_DAMAGED = "delete it and demonstrate again; calls in the generation cache are not repeated"
