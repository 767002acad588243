"""How well refusals are told from answers: confusion tables over the labelled replies that come with the package.

    python benchmarks/refusals.py > refusals.json

The replies of `data/refusals.jsonl` were written for this project, before the rules that read them. They are in two
halves, split by hash within every language and kind: the rules were tuned on "tune" alone, and "report" is the one to
quote. Its mistakes are only counted, so that nobody tunes on them unawares; `--mistakes report` lists them too. A reply
counts as positive if it declines. Times are process time a reply on one core, the best of five passes.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import hf_selfdemo
from hf_selfdemo.manifest import versions
from hf_selfdemo.scoring.outcomes import Rate
from hf_selfdemo.scoring.refusal import is_refusal

LABELLED = Path(hf_selfdemo.__file__).parent / "data" / "refusals.jsonl"


def confusion(rows: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Counts by label and verdict, and the rates that follow from them with their 95% intervals."""
    pairs = Counter((row["refuses"], row["verdict"]) for row in rows)
    found, missed = pairs[True, True], pairs[True, False]
    called, let_be = pairs[False, True], pairs[False, False]
    rates = {
        "precision": Rate(found, found + called),
        "recall": Rate(found, found + missed),
        "accuracy": Rate(found + let_be, pairs.total()),
    }
    counts = {
        "refusals_found": found,
        "refusals_missed": missed,
        "answers_called_refusals": called,
        "answers_let_be": let_be,
    }
    return counts | {
        name: {"value": round(rate.value, 4), "interval": [round(end, 4) for end in rate.interval or ()]}
        for name, rate in rates.items()
        if rate.value is not None
    }


def tables(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Confusion over all rows, by language and by kind."""
    by = {
        column: {value: confusion(r for r in rows if r[column] == value) for value in sorted({r[column] for r in rows})}
        for column in ("language", "kind")
    }
    return {"all": confusion(rows)} | {f"by_{column}": table for column, table in by.items()}


def microseconds(texts: Sequence[str]) -> float:
    """Process time a text."""
    passes = []
    for _ in range(5):
        start = time.process_time()
        for text in texts:
            is_refusal(text)
        passes.append(time.process_time() - start)
    return round(1e6 * min(passes) / len(texts), 1)


def main() -> None:
    """Read every labelled reply and print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--replies", type=Path, default=LABELLED, help="JSONL: id, text, refuses, kind, language, half")
    parser.add_argument("--mistakes", choices=["tune", "report", "none"], default="tune", help="half to list them for")
    options = parser.parse_args()

    rows = [json.loads(line) for line in options.replies.read_text(encoding="utf-8").splitlines()]
    for row in rows:
        row["verdict"] = is_refusal(row["text"])
    result = {
        "replies": len(rows),
        "halves": {half: tables([r for r in rows if r["half"] == half]) for half in ("tune", "report")},
        "microseconds": {
            "refusals": microseconds([r["text"] for r in rows if r["refuses"]]),
            "answers": microseconds([r["text"] for r in rows if not r["refuses"]]),
        },
        "mistakes": [
            {"id": r["id"], "text": r["text"], "verdict": r["verdict"]}
            for r in rows
            if r["half"] == options.mistakes and r["verdict"] != r["refuses"]
        ],
        "versions": versions(),
    }
    json.dump(result, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
