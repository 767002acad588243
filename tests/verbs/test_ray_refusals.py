"""What is wrong with a Ray cluster is one line, also where Ray is not installed."""

import socket
import sys

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.config import EngineArguments
from hf_selfdemo.verbs.cluster.connection import connect


@pytest.fixture
def ray(monkeypatch):
    """Ray as in a process that has joined no cluster."""
    found = pytest.importorskip("ray")
    monkeypatch.setattr(found, "is_initialized", lambda: False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return found


@pytest.fixture
def refused(tmp_path):
    """The line with which joining a cluster at an address is refused."""

    def line(address=None):
        with pytest.raises(UserError) as refusal:
            connect(EngineArguments(runner="ray", ray_address=address), str(tmp_path))
        assert "\n" not in str(refusal.value)
        return str(refusal.value)

    return line


def test_ray_is_not_installed(refused, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert refused() == "runner is ray, but ray is not installed: pip install 'hf-selfdemo[ray]'"


def test_nobody_listens_at_the_address(ray, refused):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{closed.getsockname()[1]}"
        for written in (address, f"ray://{address}"):
            line = refused(written)
            assert line.startswith(f"no Ray head answers at {written} (") and "ray start --head" in line


def test_an_address_of_another_form(ray, refused):
    assert refused("cluster") == "ray_address: 'cluster' is not an address: write HOST:6379, ray://HOST:10001 or auto"


def test_what_ray_says_on_joining_is_put_into_the_line(ray, refused, monkeypatch):
    def init(*address, **options):
        raise RuntimeError("Version mismatch: The cluster was started with:\n    Ray: 1.0\n    Python: 3.9")

    monkeypatch.setattr(ray, "init", init)
    said = "(Version mismatch: The cluster was started with: Ray: 1.0 Python: 3.9): check ray_address"
    assert refused("auto").startswith(f"the Ray cluster at auto cannot be joined {said}")
    assert refused().startswith(f"Ray cannot be started here {said}")
