"""Engines over chat servers."""

from __future__ import annotations

import pytest
from chat_servers import MockServer, ServedModel

from hf_selfdemo.generation.server import ServerGenerator


@pytest.fixture
def mock_server():
    server = MockServer()
    yield server
    server.close()


@pytest.fixture
def connect(mock_server):
    """Engines over the mock server."""

    def make(**options):
        return ServerGenerator(mock_server.url, "tiny", **{"max_retries": 3, "timeout_s": 5.0} | options)

    return make


@pytest.fixture(scope="module")
def start_server(tmp_path_factory):
    """Start servers over model folders; all are killed at the end of the module."""
    started = []

    def start(folder: str) -> ServedModel:
        started.append(ServedModel(folder, tmp_path_factory.mktemp("served") / "log.txt"))
        return started[-1]

    yield start
    for server in started:
        server.kill()
