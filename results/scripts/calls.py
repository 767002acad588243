"""Keeps a model's calls from a ledger in a small file and restores them, so that data can be made without the model.

    python results/scripts/calls.py keep runs/study_1_5b/ledger.sqlite results/study_1_5b/calls.jsonl.gz --model NAME
    python results/scripts/calls.py restore results/study_1_5b/calls.jsonl.gz runs/study_1_5b/ledger.sqlite

A call consists of the key of its prompt, the reply and the token counts, without question and passages. `NAME` is a
part of the model's name in the ledger; `hf-selfdemo ledger` lists the names. Without `--model` the calls of all models
are kept.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Call, Ledger, is_as_written

_MODEL = 1
"""Index of the model's name in a call."""


def keep(ledger: Path, file: Path, model: str = "") -> int:
    """Write the calls of a ledger to a file, ordered by key. The same calls give the same bytes.

    Args:
        ledger: the ledger.
        file: the file, gzipped, with one JSON list per line.
        model: keep only calls of models whose names contain this text.

    Returns:
        The number of calls.

    Raises:
        UserError: if there is no such ledger, or no such call in it.
    """
    if not ledger.exists():
        raise UserError(f"there is no ledger {ledger}", "name the `ledger` of the study's recipes")
    calls = [call for call in Ledger(ledger).all_but([]) if model in call[_MODEL]]
    if not calls:
        raise UserError(f"{ledger} contains no call of a model {model!r}", "`hf-selfdemo ledger` lists the models")
    lines = "".join(json.dumps(call) + "\n" for call in calls)
    file.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return len(calls)


def restore(file: Path, ledger: Path) -> int:
    """Add the calls of a file to a ledger, which is created if it does not exist. Calls that it has do not change.

    Returns:
        The number of new calls.

    Raises:
        UserError: if there is no such file, or a call in it was changed. Then nothing is added.
    """
    if not file.exists():
        raise UserError(f"there is no file {file}", "name one that `keep` wrote")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        calls: list[Call] = [tuple(json.loads(line)) for line in lines]
    for number, call in enumerate(calls, 1):
        if not is_as_written(call):
            raise UserError(
                f"line {number} of {file} was changed since it was written", "restore the file from the repository"
            )
    return Ledger(ledger).add(calls)


def main() -> None:
    parser = argparse.ArgumentParser(description="Keep the calls of a ledger in a small file, or restore them.")
    commands = parser.add_subparsers(required=True)
    keeping = commands.add_parser("keep", help="write the calls of a ledger into a file")
    keeping.add_argument("ledger", type=Path)
    keeping.add_argument("file", type=Path)
    keeping.add_argument("--model", default="", help="only calls of models whose names contain this")
    keeping.set_defaults(run=lambda given: keep(given.ledger, given.file, given.model))
    restoring = commands.add_parser("restore", help="add the calls of a file to a ledger")
    restoring.add_argument("file", type=Path)
    restoring.add_argument("ledger", type=Path)
    restoring.set_defaults(run=lambda given: restore(given.file, given.ledger))
    given = parser.parse_args()
    try:
        print(f"{given.run(given):,} calls")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
