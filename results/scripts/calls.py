"""A model's calls from a ledger into one small file, and back: with it a study's data is made again without calls.

    python results/scripts/calls.py keep runs/study_1_5b/ledger.sqlite results/study_1_5b/calls.jsonl.gz --model NAME
    python results/scripts/calls.py restore results/study_1_5b/calls.jsonl.gz runs/study_1_5b/ledger.sqlite

A call holds the key of its prompt, the reply and the tokens it took. It holds no question and no passage. `NAME` is as
much of the model's name in the ledger (`hf-selfdemo ledger` lists them) as tells it from others. Without `--model` the
calls of all models are kept.
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
"""Where a call names its model."""


def keep(ledger: Path, file: Path, model: str = "") -> int:
    """Write the calls of a ledger into a file, ordered by key; the same calls make the same bytes.

    Args:
        ledger: what they are in.
        file: gzipped, a JSON list a line.
        model: the calls of those models alone whose names contain this.

    Returns:
        How many there are.

    Raises:
        UserError: if there is no such ledger, or no such call in it.
    """
    if not ledger.exists():
        raise UserError(f"there is no ledger {ledger}", "name the `ledger` of the study's recipes")
    calls = [call for call in Ledger(ledger).all_but([]) if model in call[_MODEL]]
    if not calls:
        raise UserError(f"{ledger} holds no call of a model {model!r}", "`hf-selfdemo ledger` lists the models")
    lines = "".join(json.dumps(call) + "\n" for call in calls)
    file.write_bytes(gzip.compress(lines.encode(), mtime=0))
    return len(calls)


def restore(file: Path, ledger: Path) -> int:
    """Add the calls of a file to a ledger, which is made if need be; calls that it has already stay as they are.

    Returns:
        How many were new.

    Raises:
        UserError: if there is no such file, or a call in it is not as it was written. Then nothing is added.
    """
    if not file.exists():
        raise UserError(f"there is no file {file}", "name one that `keep` wrote")
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        calls: list[Call] = [tuple(json.loads(line)) for line in lines]
    for number, call in enumerate(calls, 1):
        if not is_as_written(call):
            raise UserError(
                f"line {number} of {file} is not as it was written", "take the file from the repository again"
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
