"""Runs commands in children of one process that has imported everything: a start of Python with torch takes seconds.

The model is scripted, so that each reply is known; a line in `calls.log` says that a call was paid for. A command may
be killed: `kill -9` at the n-th moment that matters, which is when a file of the run is opened, replaced, brought to
the disk or removed, and before and after a reply is recorded.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_EVENTS = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.chmod"}


@dataclass(frozen=True)
class Ending:
    """How a command ended: its exit code (None: killed), how many moments it went through, and what it printed."""

    code: int | None
    moments: int
    out: str
    err: str

    @property
    def line(self) -> str:
        """The last line on standard error."""
        return (self.err.strip().splitlines() or [""])[-1]


class Forks:
    """The process that forks, seen from the tests."""

    def __init__(self, root: Path) -> None:
        self.root = root
        environment = os.environ | {"OMP_NUM_THREADS": "1", "HF_SELFDEMO_CACHE": str(root / "cache")}
        command = [sys.executable, __file__, str(root)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self._process = subprocess.Popen(command, env=environment, text=True, **pipes)

    def __call__(self, *arguments: str, kill: int = 0) -> Ending:
        self._process.stdin.write(json.dumps({"arguments": arguments, "kill": kill}) + "\n")
        self._process.stdin.flush()
        return Ending(**json.loads(self._process.stdout.readline()))

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


# what runs in the process that forks


def _serve(root: Path) -> None:
    _import_all()
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        job = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(root, job["arguments"], job["kill"])
        status = os.waitpid(pid, 0)[1]
        moments, out, err = ((root / name).read_text(errors="replace") for name in ("moments", "out", "err"))
        code = None if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        answer = {"code": code, "moments": int(moments or 0), "out": out, "err": err}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _import_all() -> None:
    import importlib
    import pkgutil

    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM  # noqa: F401

    import hf_selfdemo
    import hf_selfdemo.generation.transformers as engine
    from hf_selfdemo.verbs.cli import quiet

    torch.set_num_threads(1)  # a thread pool does not outlive a fork
    for module in pkgutil.walk_packages(hf_selfdemo.__path__, "hf_selfdemo."):
        if not module.name.endswith("__main__") and ".app" not in module.name:
            importlib.import_module(module.name)
    engine.TransformersGenerator = _scripted
    quiet()
    gc.collect()
    gc.freeze()  # or each child would copy what it only counts


def _scripted(network, tokenizer, *_, **__):
    """Stands for the engine: deterministic replies, and a line in the log for each call that was paid for."""
    from hf_selfdemo.generation.identity import model_identity
    from hf_selfdemo.generation.recorded import call_key
    from hf_selfdemo.generation.scripted import ScriptedGenerator

    class Paid(ScriptedGenerator):
        identity = model_identity(network, tokenizer)

        def stream(self, requests):
            for i, reply in super().stream(requests):
                handle = os.open("calls.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
                os.write(handle, f"{call_key(self.identity, requests[i])}\n".encode())
                os.close(handle)
                yield i, reply

    return Paid(_reply)


def _reply(request) -> str:
    if request.choices:
        return request.choices[len(request.messages[0]["content"]) % len(request.choices)]
    if request.stage.startswith("search/"):
        return f"Answer in {request.seed % 7 + 2} words, from the passages alone."
    number = sum(map(ord, request.id.split("/")[0]))
    if request.stage == "refusal" or number % 3 == 0:
        return "The passages do not say."
    return f"It is number {number + request.seed % 2}."


def _child(root: Path, arguments: list[str], kill: int) -> None:
    from hf_selfdemo.verbs.cli import main

    code = 70
    try:
        for name, number in (("out", 1), ("err", 2)):
            os.dup2(os.open(root / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        (root / "moments").write_text("")
        os.chdir(root)
        count = _counted(root, kill)
        code = main(arguments)
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        written = count[0]
        count[1] = 0
        (root / "moments").write_text(str(written))
    finally:
        os._exit(code)


def _counted(root: Path, kill: int) -> list[int]:
    """Count the moments of this process, and kill it at the one that is given (0: never)."""
    count = [0, kill]
    place = f"{root / 'work'}{os.sep}"

    def moment() -> None:
        count[0] += 1
        if count[0] == count[1]:
            os.kill(os.getpid(), signal.SIGKILL)

    def heard(event: str, arguments: tuple) -> None:
        if event in _EVENTS and isinstance(arguments[0], str | bytes | os.PathLike):
            writes = event != "open" or (arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
            if writes and os.path.abspath(os.fsdecode(arguments[0])).startswith(place):
                moment()

    def around(function):
        def called(*given, **named):
            moment()
            found = function(*given, **named)
            moment()
            return found

        return called

    from hf_selfdemo.core.ledger import Ledger

    Ledger.put = around(Ledger.put)
    os.fsync = around(os.fsync)
    sys.addaudithook(heard)
    return count


if __name__ == "__main__":
    _serve(Path(sys.argv[1]))
