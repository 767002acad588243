"""A large file is read once for its hash, again when it changed, and a cache that is not there costs time alone."""

import hashlib
import os

import pytest

from hf_selfdemo.core import cache
from hf_selfdemo.core.cache import content_hash

MEGABYTE = 1 << 20


@pytest.fixture
def reads(monkeypatch, tmp_path):
    """Which files were read whole."""
    monkeypatch.setenv("HF_SELFDEMO_CACHE", str(tmp_path / "cache"))
    real, found = cache.file_hash, []
    monkeypatch.setattr(cache, "file_hash", lambda path: found.append(path.name) or real(path))
    return found


@pytest.fixture
def weights(tmp_path):
    """Two megabytes."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(os.urandom(2 * MEGABYTE))
    return path


@pytest.fixture
def settled(monkeypatch):
    """Time passes: what was just written lies there for an hour."""
    now = cache.time.time
    monkeypatch.setattr(cache.time, "time", lambda: now() + 3600)


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_large_file_is_read_once(reads, weights, settled):
    assert content_hash(weights) == content_hash(weights) == sha256(weights)
    assert reads == ["model.safetensors"]


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_changed_file_is_read_again_whatever_its_time_says(reads, weights, settled, keep_time):
    before, found = content_hash(weights), weights.stat()
    with weights.open("r+b") as out:
        out.seek(-1, os.SEEK_END)
        out.write(bytes([weights.read_bytes()[-1] ^ 1]))
    if keep_time:
        os.utime(weights, ns=(found.st_atime_ns, found.st_mtime_ns))
    assert content_hash(weights) == sha256(weights) != before


def test_another_file_at_the_same_path_is_read(reads, weights, settled, tmp_path):
    content_hash(weights)
    other = tmp_path / "other"
    other.write_bytes(os.urandom(2 * MEGABYTE))
    found = weights.stat()
    os.utime(other, ns=(found.st_atime_ns, found.st_mtime_ns))
    os.replace(other, weights)
    assert content_hash(weights) == sha256(weights)


def test_what_was_written_a_moment_ago_is_not_remembered(reads, weights):
    """Two writes within one tick of the clock leave the same times."""
    assert content_hash(weights) == content_hash(weights)
    assert reads == ["model.safetensors"] * 2


@pytest.mark.parametrize("content", ["", "[1]", "{}", '{"path": 1, "state": [], "sha256": "abc"}'])
def test_a_broken_note_is_written_anew(reads, weights, settled, tmp_path, content):
    content_hash(weights)
    [note] = (tmp_path / "cache" / "hashes").iterdir()
    note.write_text(content)
    assert content_hash(weights) == content_hash(weights) == sha256(weights)
    assert len(reads) == 2


def test_a_cache_that_cannot_be_written_is_no_error(reads, weights, settled, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HF_SELFDEMO_CACHE", str(tmp_path / "file"))
    assert content_hash(weights) == content_hash(weights) == sha256(weights)
