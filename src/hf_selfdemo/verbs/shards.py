"""Several processes that each make the calls of every n-th question into one ledger.

Programs of their own rather than forks: a fork of a process that has used torch may hang, and a child that is started
as a copy of the caller's script runs that script again.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from hf_selfdemo.core.console import waiting
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.verbs.cli import make_recipe, quiet, reported

_POLL_S = 0.1


def make_calls(keys: dict[str, Any], part: str, processes: int, folder: Path) -> None:
    """Make all calls of a recipe, shared out among processes; each loads the model.

    Args:
        keys: of the recipe.
        part: "train" or "test".
        processes: how many.
        folder: where what each process says is kept.

    Raises:
        UserError: as the first process that fails says it; the others are stopped, and what they wrote is kept.
        RuntimeError: if a process died of something else.
    """
    logs = [folder / f"shard_{number}.log" for number in range(processes)]
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for number, log in enumerate(logs):
            workers.append(_start(keys | {"shard": f"{number}/{processes}"}, part, log))
        with waiting(f"{processes} processes make the calls; what each says is in {folder}"):
            while any(worker.poll() is None for worker in workers) and not any(worker.returncode for worker in workers):
                time.sleep(_POLL_S)
        for worker, log in zip(workers, logs, strict=True):
            if worker.returncode:
                raise _failure(worker.returncode, log)
    finally:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            worker.communicate()


def _start(keys: dict[str, Any], part: str, log: Path) -> subprocess.Popen[bytes]:
    """A worker that finds modules where this process does. It reads its recipe from a pipe that ends with this process.

    Through a pipe, because a recipe may hold a token that belongs in no file.
    """
    program = f"import sys; sys.path[:] = {sys.path!r}; from hf_selfdemo.verbs.shards import main; sys.exit(main())"
    with log.open("wb") as out:
        command = [sys.executable, "-c", program, part]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
    assert worker.stdin
    with suppress(BrokenPipeError):  # it ended at once; its exit code will tell
        worker.stdin.write(json.dumps(keys).encode() + b"\n")
        worker.stdin.flush()
    return worker


def _failure(code: int, log: Path) -> Exception:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
    what, _, remedy = said[-1].removeprefix("hf-selfdemo: ").rpartition(": ")
    if code == 2 and what:
        return UserError(what, remedy)
    return RuntimeError(f"a process that made calls ended with code {code} and said last: {said[-1]} (see {log})")


def main() -> int:
    """What a worker does, with the part as its argument."""
    keys = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return reported(lambda: _make(keys, sys.argv[1]))


def _make(keys: dict[str, Any], part: str) -> None:
    from hf_selfdemo.verbs.demonstrate import make_demonstrations

    quiet()
    make_demonstrations(make_recipe(keys), part)


def _end_with_parent() -> None:
    while os.read(0, 1):  # not by sys.stdin, whose lock a finishing interpreter would want
        pass
    os._exit(1)
