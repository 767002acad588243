"""Several processes that share the calls of a recipe: each makes those of every n-th question, into one cache.

They are started as new programs. A fork of a process that has used torch may hang, and a process that multiprocessing
spawns would run the caller's script again.
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
    """Make all calls of a recipe in several processes, each with its own copy of the model.

    Args:
        keys: the options of the recipe.
        part: "train" or "test".
        processes: number of processes.
        folder: folder for the log of each process.

    Raises:
        UserError: the error of the first process that fails. The others are stopped, and their calls stay cached.
        RuntimeError: if a process died for another reason.
    """
    logs = [folder / f"shard_{number}.log" for number in range(processes)]
    workers: list[subprocess.Popen[bytes]] = []
    try:
        for number, log in enumerate(logs):
            workers.append(_start(keys | {"shard": f"{number}/{processes}"}, part, log))
        with waiting(f"{processes} processes make the calls; their logs are in {folder}"):
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
    """Start a process that imports modules from the same paths. It reads its recipe from a pipe.

    A recipe may contain a token, so it must not be written to a file. The pipe also ends with this process.
    """
    program = f"import sys; sys.path[:] = {sys.path!r}; from hf_selfdemo.verbs.shards import main; sys.exit(main())"
    with log.open("wb") as out:
        command = [sys.executable, "-c", program, part]
        worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
    assert worker.stdin
    with suppress(BrokenPipeError):  # it ended at once, which its exit code shows
        worker.stdin.write(json.dumps(keys).encode() + b"\n")
        worker.stdin.flush()
    return worker


def _failure(code: int, log: Path) -> Exception:
    said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["nothing"]
    what, _, remedy = said[-1].removeprefix("hf-selfdemo: ").rpartition(": ")
    if code == 2 and what:
        return UserError(what, remedy)
    return RuntimeError(f"a process that made calls ended with code {code}: {said[-1]} (see {log})")


def main() -> int:
    """The program of a process, with the part of the data as its argument."""
    keys = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    return reported(lambda: _make(keys, sys.argv[1]))


def _make(keys: dict[str, Any], part: str) -> None:
    from hf_selfdemo.verbs.demonstrate import make_demonstrations

    quiet()
    make_demonstrations(make_recipe(keys), part)


def _end_with_parent() -> None:
    while os.read(0, 1):  # sys.stdin has a lock, which the interpreter needs when it exits
        pass
    os._exit(1)
