"""A Hub in this process, and huggingface_hub pointed at it for the test's time."""

import os
import threading
import time

import pytest
from huggingface_hub import constants
from server import READER, TOKEN, HubServer, User


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """An empty Hub; `TOKEN` may write as "me" and for the organisation "lab", `READER` may only read."""
    server = HubServer({TOKEN: User("me", ("lab",)), READER: User("me", ("lab",), writes=False)})
    monkeypatch.setattr(constants, "ENDPOINT", server.url)
    template = f"{server.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "no token"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    yield server
    server.close()


@pytest.fixture
def hub_environment(hub, tmp_path):
    """Variables for a process of its own that has never heard of this package, with an empty cache."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("HF_", "PYTHONPATH"))}
    found = {"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN, "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_XET": "1"}
    return kept | found | {"HF_HUB_DISABLE_TELEMETRY": "1"}


@pytest.fixture
def waits(monkeypatch):
    """Seconds that anything would have slept."""
    slept = []
    own, sleep = threading.current_thread(), time.sleep

    def wait(seconds):
        if threading.current_thread() is own:
            slept.append(seconds)
        else:  # a thread of a library, which would spin
            sleep(seconds)

    monkeypatch.setattr("time.sleep", wait)
    return slept
