"""Demonstrating on two Ray nodes while workers are killed: the files of one process, and no finished call paid twice.

    python benchmarks/killed_workers.py --questions 40 --kills 5 > results/benchmark_killed_workers.json

Replies are scripted, and a call takes a twentieth of a second. A worker process is killed with `kill -9` right after it
has paid for a call, at moments spread over the run. Each call is logged when it is paid for. One process without Ray
writes the dataset that the other is compared with.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path

from scripted_workers import RECIPE, nodes, scripted, write_questions

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.manifest import file_hash, versions
from hf_selfdemo.verbs.cli import main

FILES = ("train.parquet", "candidates.jsonl", "skipped.jsonl")


def paid(log: Path) -> list[list[str]]:
    """Process and key of each call."""
    return [line.split() for line in log.read_text().splitlines()] if log.exists() else []


def kill(log: Path, at: list[int], killed: list[int]) -> None:
    """Kill the process that paid for a call last, each time when so many were paid for."""
    for count in at:
        while len(found := paid(log)) < count:
            time.sleep(0.02)
        alive = [int(process) for process, _ in found if int(process) not in killed]
        os.kill(alive[-1], signal.SIGKILL)
        killed.append(alive[-1])


def run(questions: int, kills: int, folder: Path) -> dict[str, object]:
    """Both runs, and what became of each call."""
    write_questions(folder / "questions.jsonl", questions)
    words = [*RECIPE, "--window=4", "--train_questions", str(folder / "questions.jsonl"), "--train_corpus=questions"]
    scripted(str(folder / "one.log"))()
    if main(["demonstrate", f"--output_dir={folder / 'one'}", *words]):
        sys.exit("one process failed")
    alone = len(paid(folder / "one.log"))
    log, killed = folder / "many.log", list[int]()
    at = [alone * (number + 1) // (kills + 1) for number in range(kills)]
    killer = threading.Thread(target=kill, args=(log, at, killed), daemon=True)
    with nodes([1, 1], scripted(str(log), 0.05)):
        killer.start()
        start = time.monotonic()
        if main(["demonstrate", f"--output_dir={folder / 'many'}", "--runner=ray", *words]):
            sys.exit("the cluster failed")
        seconds = time.monotonic() - start
    made = Counter(key for _, key in paid(log))
    kept = {call[0] for call in CallFiles(str(folder / "many" / "ledgers"))}
    hashes = [[file_hash(folder / run / "demonstrations" / name) for name in FILES] for run in ("one", "many")]
    return {
        "questions": questions,
        "workers_killed": len(killed),
        "worker_processes": len({process for process, _ in paid(log)}),
        "calls_of_one_process": alone,
        "calls_paid_for": made.total(),
        "distinct_calls_paid_for": len(made),
        "calls_kept": len(kept),
        "calls_paid_for_again": made.total() - len(made),
        "calls_paid_for_more_than_twice": sum(count > 2 for count in made.values()),
        "seconds": round(seconds, 1),
        "files": list(FILES),
        "byte_equal": hashes[0] == hashes[1],
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=40)
    parser.add_argument("--kills", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        print(
            json.dumps(run(options.questions, options.kills, Path(scratch)) | {"versions": versions(["ray"])}, indent=1)
        )
