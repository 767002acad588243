"""What a server can make a call do: take so long, so much memory, and go nowhere else."""

import gzip
import json
import socket
import threading
import time

import pytest

from hf_selfdemo.core.conversation import ask
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Reply, Request
from hf_selfdemo.generation import bounded
from hf_selfdemo.generation.server import ServerGenerator

ASKED = Request("q", ({"role": "user", "content": "q"},), "rag")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.fixture
def raw_server():
    """Sends, to each that calls, the pieces that a generator gives, as long as it is listened to."""
    listener = socket.create_server(("127.0.0.1", 0))
    sent = []

    def start(pieces):
        def answer(caller):
            caller.recv(65536)
            sent.append(0)
            try:
                for piece in pieces():
                    caller.sendall(piece)
                    sent[-1] += len(piece)
            except OSError:
                pass  # it has hung up
            caller.close()

        def serve():
            while True:
                try:
                    caller, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(caller,), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/v1", sent

    yield start
    listener.close()


def trickle(head):
    yield head
    while True:
        yield b" "
        time.sleep(0.05)


@pytest.mark.parametrize("head", [HEAD + b"\r\n", HEAD + b"X-Slow: "], ids=["body", "header"])
def test_a_server_that_trickles_is_one_that_hangs(raw_server, head):
    url, sent = raw_server(lambda: trickle(head))
    start = time.monotonic()
    with pytest.raises(UserError, match=r"does not answer \(no reply within 1 s\)"):
        ask(ServerGenerator(url, "tiny", timeout_s=1.0, max_retries=1), [ASKED])
    assert time.monotonic() - start < 10 and len(sent) == 2, "it was tried again"


def test_a_body_without_end_is_the_rows_error_and_read_once(raw_server, monkeypatch):
    monkeypatch.setattr(bounded, "LARGEST_REPLY", 2**20)

    def endless():
        yield HEAD + b"\r\n"
        while True:
            yield b" " * 65536

    url, sent = raw_server(endless)
    [reply] = ask(ServerGenerator(url, "tiny", max_retries=3), [ASKED])
    assert reply == Reply("", "error", error="the reply is larger than 1 MB")
    assert len(sent) == 1 and sent[0] < 20 * 2**20


def test_a_small_body_that_unpacks_to_a_large_one_is_too(raw_server, monkeypatch):
    monkeypatch.setattr(bounded, "LARGEST_REPLY", 2**20)
    bomb = gzip.compress(b" " * 2**24)
    url, _ = raw_server(lambda: [HEAD + b"Content-Encoding: gzip\r\n\r\n" + bomb])
    assert "larger than 1 MB" in ask(ServerGenerator(url, "tiny", max_retries=0), [ASKED])[0].error


def test_a_packed_reply_is_read(raw_server, mock_server):
    packed = gzip.compress(json.dumps(mock_server.completion("amber")).encode())
    url, _ = raw_server(lambda: [HEAD + b"Content-Encoding: gzip\r\n\r\n" + packed])
    assert ask(ServerGenerator(url, "tiny"), [ASKED]) == [Reply("amber")]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_prompt_follows_a_redirection(connect, mock_server, raw_server, status):
    url, sent = raw_server(lambda: [HEAD + b"\r\n{}"])
    to = f"{url}/chat/completions?token=secret"
    mock_server.answer = lambda body: (status, "", {"Location": to})
    with pytest.raises(UserError, match="redirects calls to") as refused:
        ask(connect(concurrency=1), [ASKED])
    assert not sent
    assert f"{url}/chat/completions" in str(refused.value) and "secret" not in str(refused.value)
    assert "server_url" in str(refused.value)
