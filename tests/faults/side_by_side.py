"""Commands side by side: processes forked from one that has imported everything, and a server that counts its calls."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

CALL_S = 0.004
"""What a call takes, so that starts meet each other while calls are in flight."""

_ASKED = "asked.log"
_NOT_COMPARED = re.compile(
    r"(^|/)(ledger\.sqlite.*|shared\.sqlite.*|\.lock|[^/]*\.lock|plan\.json|trainer_state\.json|training_args\.bin)$|/checkpoint-"
)
"""Locks, ledgers (which are compared by their calls) and what tells how long something took."""
_OF_THE_START = re.compile(r"checksum|usage|reused|reused_calls|calls|log|metrics|\w*runtime|\w*_per_second")
"""Keys that tell what a start had to pay for, and how long it took; a manifest's checksum covers them, too."""
_COST = re.compile(rb'<tr><th scope="row">evaluating</th>.*\n')
"""The same in a report."""


def warm() -> None:
    """Import what the verbs import when they are at work; a fork then has it."""
    import importlib

    import datasets  # noqa: F401
    import peft
    import transformers
    import trl  # noqa: F401
    from peft import AutoPeftModelForCausalLM, LoraConfig, get_peft_model  # noqa: F401
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, LlamaForCausalLM  # noqa: F401

    import hf_selfdemo

    assert peft and transformers
    for path in sorted(Path(hf_selfdemo.__file__).parent.rglob("*.py")):
        name = ".".join(path.relative_to(Path(hf_selfdemo.__file__).parent.parent).with_suffix("").parts)
        if not name.endswith(("__main__", "__init__", ".app")) and ".metrics." not in name and ".app." not in name:
            importlib.import_module(name)
    _count_calls_in_process()


def _count_calls_in_process() -> None:
    """Note what the engine in this process is asked, as the server notes what it is asked."""
    from hf_selfdemo.generation.recorded import call_key
    from hf_selfdemo.generation.transformers import TransformersGenerator

    stream = TransformersGenerator.stream

    def counted(self: Any, requests: Any) -> Any:
        for request in requests:
            _note(Path(_ASKED), call_key(self.identity, request))
        time.sleep(CALL_S)
        return stream(self, requests)

    TransformersGenerator.stream = counted  # type: ignore[method-assign]


def _note(path: Path, line: str) -> None:
    with path.open("a") as out:
        out.write(f"{line}\n")


class Server:
    """A chat server in a process of its own. The key that it is sent is the folder that keeps what was asked."""

    def __init__(self) -> None:
        http = ThreadingHTTPServer(("127.0.0.1", 0), _Answers)
        http.daemon_threads = True
        self.url = f"http://127.0.0.1:{http.server_port}/v1"
        self.pid = os.fork()
        if self.pid == 0:
            http.serve_forever()
        http.server_close()

    def close(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # headers and body in one packet

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers["Content-Length"]))
        body, digest = json.loads(raw), hashlib.sha256(raw).hexdigest()
        _note(Path(self.headers["Authorization"].removeprefix("Bearer ")) / _ASKED, digest)
        time.sleep(CALL_S)
        message = {"role": "assistant", "content": _reply(body, int(digest[:8], 16))}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        usage = {"prompt_tokens": len(raw), "completion_tokens": 5, "total_tokens": len(raw) + 5}
        answer = {"id": "1", "object": "chat.completion", "created": 0, "model": "tiny", "choices": [choice]}
        data = json.dumps(answer | {"usage": usage}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *args: Any) -> None:
        pass


def _reply(body: dict[str, Any], number: int) -> str:
    """A word of the question's passages, a refusal, or a choice; the same for the same body."""
    if form := body.get("response_format"):
        choices = form["json_schema"]["schema"]["properties"]["choice"]["enum"]
        return json.dumps({"choice": choices[number % len(choices)]})
    words = body["messages"][-1]["content"].split()
    return ("The passages do not say.", f"It is {' '.join(words[:40])}.", "It is the moon.")[number % 3]


@dataclass
class Ended:
    """How a command ended: its exit code and the last line that it said."""

    code: int
    line: str
    said: str = field(repr=False, default="")

    @property
    def locked_out(self) -> bool:
        return self.code == 2 and "another command is running in" in self.line

    @property
    def unexplained(self) -> bool:
        return self.code not in (0, 2) or "Traceback" in self.said


def begin(home: Path, command: list[str], name: str) -> int:
    """Fork, and give a command in a folder."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        os.chdir(home)
        for stream, number in (("out", 1), ("err", 2)):
            os.dup2(os.open(f"{name}.{stream}", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), number)
        os.environ["OPENAI_API_KEY"] = str(home)
        from hf_selfdemo.verbs.cli import main

        code = main(command)
        sys.stdout.flush()
    finally:
        os._exit(code)


def end(home: Path, pid: int, name: str) -> Ended:
    """Wait for what was begun."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    said = (home / f"{name}.err").read_text(errors="replace")
    lines = said.strip().splitlines() or [""]
    return Ended(code, lines[-1], said)


def give(home: Path, command: list[str], name: str = "alone") -> Ended:
    """One command, by itself."""
    return end(home, begin(home, command, name), name)


def copied(source: Path | None, home: Path) -> Path:
    """A folder to work in, with what another holds."""
    if source:
        shutil.copytree(source, home, symlinks=True)
    else:
        home.mkdir(parents=True)
        (home / _ASKED).touch()
    return home


def asked(home: Path) -> Counter[str]:
    """The calls that were paid for by all that was given in a folder, or in those that it was copied from."""
    return Counter((home / _ASKED).read_text().split())


def artefacts(home: Path) -> dict[str, str]:
    """Every file that was made, by a hash of it, without what tells of the start that made it."""
    found = {}
    for path in sorted(p for p in home.rglob("*") if p.is_file()):
        name = path.relative_to(home).as_posix()
        if path.parent != home and not _NOT_COMPARED.search(name):
            found[name] = hashlib.sha256(_lasting(path)).hexdigest()
    return found


def _lasting(path: Path) -> bytes:
    if path.name not in ("manifest.json", "figures.json"):
        return _COST.sub(b"", path.read_bytes())
    return json.dumps(_without_times(json.loads(path.read_text())), sort_keys=True).encode()


def _without_times(content: Any) -> Any:
    if isinstance(content, dict):
        return {k: _without_times(v) for k, v in content.items() if not _OF_THE_START.fullmatch(k)}
    return [_without_times(item) for item in content] if isinstance(content, list) else content
