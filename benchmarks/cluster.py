"""Questions through `demonstrate` by one process and by Ray workers that ask a script: rows a second, and memory.

    python benchmarks/cluster.py --questions 200000 --workers 0 1 2 4 > results/benchmark_cluster.json

The script replies at once, so that what is measured is everything but the model: dialogues, ledgers, Ray, and the verb
that puts the dataset together. 0 workers is one process without Ray. Each figure comes from a process of its own.
`driver_peak_mb` is the largest anonymous memory of the process that gave the command, without the pages of Ray's object
store that it maps; `workers_s` is the time until all workers were done, and `driver_s` what came after it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from scripted_workers import RECIPE, nodes, scripted, write_questions

from hf_selfdemo.core.manifest import file_hash, versions
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.cluster.runner import Cluster


def anonymous_mb() -> float:
    """Anonymous memory of this process."""
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("RssAnon")) / 1024


def measure(questions: Path, workers: int, folder: Path, candidates: int) -> dict[str, Any]:
    """One run in this process."""
    peak, ended, spent = [anonymous_mb()], threading.Event(), [0.0]

    def watch() -> None:
        while not ended.wait(0.2):
            peak[0] = max(peak[0], anonymous_mb())

    demonstrate = Cluster.demonstrate

    def timed(*arguments: Any) -> str:
        start = time.monotonic()
        identity = demonstrate(*arguments)
        spent[0] = time.monotonic() - start
        return identity

    Cluster.demonstrate = timed  # type: ignore[method-assign]
    install = scripted()
    install()
    words = [*RECIPE, "--train_questions", str(questions), "--train_corpus=questions", "--window=16"]
    words += [f"--{kind}_candidates={candidates}" for kind in ("rag", "closed_book", "refusal")]
    words += ["--runner=ray", f"--ray_workers={workers}"] if workers else []
    with nodes([workers], install) if workers else nullcontext():
        threading.Thread(target=watch, daemon=True).start()
        start = time.monotonic()
        if main(["demonstrate", f"--output_dir={folder}", *words]):
            sys.exit("the run failed")
        seconds = time.monotonic() - start
    ended.set()
    manifest = json.loads((folder / "demonstrations" / "manifest.json").read_text())
    rows, usage = manifest["rows_in"], manifest["usage"]["calls"] + manifest["reused"]["calls"]
    return {
        "workers": workers,
        "rows": rows,
        "calls": usage,
        "rows_a_second": round(rows / seconds, 1),
        "workers_s": round(spent[0], 1),
        "driver_s": round(seconds - spent[0], 1),
        "driver_peak_mb": round(peak[0]),
        "train_parquet": file_hash(folder / "demonstrations" / "train.parquet"),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--questions", type=int, default=2000)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--candidates", type=int, default=3, help="of each of the three kinds")
    parser.add_argument("--note", default="", help="goes into the record, as what else the machine was doing")
    parser.add_argument("--measure", nargs=2, metavar=("QUESTIONS", "FOLDER"), help="one run, in this process")
    options = parser.parse_args()
    if options.measure:
        file, folder = map(Path, options.measure)
        print(json.dumps(measure(file, options.workers[0], folder, options.candidates)))
        sys.exit()
    with tempfile.TemporaryDirectory() as scratch:
        path = Path(scratch) / "questions.jsonl"
        write_questions(path, options.questions)
        runs = []
        for workers in options.workers:
            own = ["--workers", str(workers), "--candidates", str(options.candidates)]
            command = [sys.executable, __file__, *own, "--measure", str(path), f"{scratch}/{workers}"]
            said = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
            runs.append(json.loads(said.splitlines()[-1]))
        equal = len({run["train_parquet"] for run in runs}) == 1
        record = {
            "command": " ".join(["python", "benchmarks/cluster.py", *sys.argv[1:]]),
            "note": options.note,
            "processors": os.cpu_count(),
            "runs": runs,
            "byte_equal": equal,
            "versions": versions(["ray"]),
        }
        print(json.dumps(record, indent=1))
