"""Two chat servers: one that does what a test tells it to, and a real one in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class MockServer:
    """Answers with `answer(body)`: a completion, or (status, body, headers); keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Callable[[dict[str, Any]], Any] = lambda body: self.completion(self.question(body).upper())
        self.bodies: list[dict[str, Any]] = []
        self.authorizations: list[str] = []
        self.in_flight = self.peak = 0
        self.release = threading.Event()  # set when the server is shut: nothing hangs longer than that
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # callers hang up, that is all
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()

    @staticmethod
    def completion(
        text: Any = "fine", finish_reason: str | None = "stop", beside: dict[str, Any] | None = None, **usage: Any
    ) -> dict[str, Any]:
        """A chat completion as servers send it; `beside` the text; without usage if none is given."""
        message = {"role": "assistant", "content": text} | (beside or {})
        choices = [{"index": 0, "finish_reason": finish_reason, "message": message}]
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "tiny", "choices": choices}
        return body | ({"usage": usage} if usage else {})

    @staticmethod
    def question(body: dict[str, Any]) -> str:
        return body["messages"][-1]["content"]

    @property
    def questions(self) -> list[str]:
        return [self.question(body) for body in self.bodies]

    def hang(self, seconds: float = 60.0) -> dict[str, Any]:
        self.release.wait(seconds)
        return self.completion("too late")

    def serve(self, path: str, authorization: str, body: dict[str, Any]) -> tuple[int, Any, dict[str, str]]:
        with self._lock:
            self.bodies.append(body)
            self.authorizations.append(authorization)
            self.in_flight += 1
            self.peak = max(self.peak, self.in_flight)
        try:
            if path != "/v1/chat/completions":
                return 404, {"detail": "Not Found"}, {}
            answer = self.answer(body)
            return answer if isinstance(answer, tuple) else (200, answer, {})
        finally:
            with self._lock:
                self.in_flight -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        mock = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                status, answer, headers = mock.serve(self.path, self.headers["Authorization"], body)
                data = answer.encode() if isinstance(answer, str) else json.dumps(answer).encode()
                try:
                    self.send_response(status)
                    for name, value in ({"Content-Type": "application/json"} | headers).items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(data)))
                    self.end_headers()
                    self.wfile.write(data)
                except OSError:  # the caller has hung up
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        return Handler


class ServedModel:
    """`transformers serve` on a free port of this machine, over the model in `folder`."""

    def __init__(self, folder: str, log: Path) -> None:
        self.folder = folder
        self.log = log
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        """Start, or start again on the same port; returns at once."""
        program = str(Path(sys.executable).with_name("transformers"))  # the environment need not be activated
        command = [program, "serve", self.folder, "--host", "127.0.0.1", "--port", str(self.port)]
        quiet = {"HF_HUB_OFFLINE": "1", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, "--device", "cpu"], env=os.environ | quiet, stdout=log, stderr=log, start_new_session=True
            )

    def wait(self, seconds: float = 90.0) -> None:
        """Return when the server answers."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health", timeout=5).close()
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        raise RuntimeError(f"the server did not come up:\n{self.log.read_text()[-2000:]}")

    def kill(self) -> None:
        """As `kill -9` does."""
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
