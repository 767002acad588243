"""What the metrics cost: all deterministic ones over many rows, as functions and through `evaluate`.

    OMP_NUM_THREADS=1 python benchmarks/metrics.py --rows 10000 > metrics.json

Rows are real replies of five systems with a human verdict each (EVOUNA), read in place from ../shared/data. Each side
runs in a process of its own, so that neither finds what the other kept; loading libraries and data is not counted.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

DATA = Path(__file__).parents[2] / "shared" / "data"
SIDES = ("direct", "evaluate", "evaluate, kept in memory")


def lines(file: str) -> list[dict[str, Any]]:
    """The rows of one file."""
    if not (DATA / file).exists():
        sys.exit(f"{DATA / file} is absent: it is third-party data and does not come with the project")
    with gzip.open(DATA / file, "rt", encoding="utf-8") as opened:
        return [json.loads(line) for line in opened]


def rows(count: int) -> dict[str, list]:
    """Columns for both metrics, with made-up confidences."""
    read = lines("evouna_nq.jsonl.gz")[:count]
    draw = random.Random(0)
    return {
        "predictions": [row["prediction"] or "" for row in read],
        "references": [row["golden_answer"].split("/") for row in read],
        "questions": [row["question"] for row in read],
        "confidences": [draw.random() for _ in read],
    }


def metrics(side: str) -> dict[str, Callable[..., Any]]:
    """Both metrics as functions of keyword columns."""
    from hf_selfdemo.metrics import METRICS, abstention, load, qa_accuracy

    if side == "direct":
        return {"qa_accuracy": qa_accuracy.score, "abstention": abstention.score}
    return {name: load(name, keep_in_memory="memory" in side).compute for name in METRICS}


def one(side: str, count: int) -> dict[str, float]:
    """CPU seconds of each metric over the rows, one after the other."""
    columns, spent = rows(count), {}
    for name, metric in metrics(side).items():
        options = dict(columns)
        if name == "qa_accuracy":
            del options["confidences"]
        start = time.process_time()
        assert metric(**options)["n"] == count
        spent[name] = round(time.process_time() - start, 3)
    return spent | {"total": round(sum(spent.values()), 3)}


def main() -> None:
    """Measure every side and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--one", choices=SIDES, help="only this side, in this process")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.one, options.rows)))
        return
    found = {}
    for side in SIDES:
        command = [sys.executable, __file__, "--rows", str(options.rows), "--one", side]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        found[side] = json.loads(done.stdout.splitlines()[-1])
        print(f"{side}: {found[side]['total']:.2f} s", file=sys.stderr)
    ratio = {side: round(found[side]["total"] / found["direct"]["total"], 2) for side in SIDES[1:]}
    report = {"rows": options.rows, "cpu_seconds": found, "ratio_to_direct": ratio}
    json.dump(report, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
