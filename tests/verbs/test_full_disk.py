"""A disk that is full or read-only, for real: each verb ends in one line, and the same command goes on from there."""

import json
import os
import sqlite3
import subprocess

import pytest

from hf_selfdemo.verbs.cli import main

_FREE_KB = (0, 8, 40, 120)
"""What is left on the disk: nothing is begun, an index is half written, the ledger or weights are."""


@pytest.fixture
def disk(tmp_path):
    """A small file system of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def keys(own, disk):
    """Own words, a checkpoint a step, an index, and all on the small disk."""
    return [
        *own,
        *(f"--output_dir={disk / 'run'}", f"--index_dir={disk / 'index'}", "--save_strategy=steps", "--save_steps=1"),
        *("--hub_namespace=me", "--hub_base_model=a/b", "--on_policy_rows=0"),
    ]


def fill(disk, free_kb):
    filler = disk / "filler"
    filler.unlink(missing_ok=True)
    room = os.statvfs(disk)
    filler.write_bytes(b"\0" * max(0, room.f_bavail * room.f_frsize - free_kb * 1024))


def calls(disk):
    path = disk / "run/ledger.sqlite"
    if not path.exists():
        return 0
    with sqlite3.connect(path) as db:
        tables = db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        return db.execute("SELECT count(*) FROM calls").fetchone()[0] if tables else 0


PUSH = ["push", "--dry_run", "--merge_adapter", "--artefacts", "dataset", "model", "index"]


def test_each_verb_ends_in_one_line_and_goes_on_when_there_is_space(disk, keys, capsys):
    full = dict.fromkeys(("demonstrate", "train", "evaluate", "push"), 0)
    for verb in (["demonstrate"], ["train"], ["evaluate"], PUSH):
        for free in _FREE_KB:
            fill(disk, free)
            capsys.readouterr()
            code, said = main([verb[0], *keys, *verb[1:]]), capsys.readouterr().err.strip()
            assert code in (0, 2) and "Traceback" not in said, (verb, free, said)
            if code == 2:
                full[verb[0]] += 1
                assert "full" in said.splitlines()[-1] or "free some space" in said.splitlines()[-1], (verb, free, said)
        (disk / "filler").unlink()
        made = calls(disk)
        assert main([verb[0], *keys, *verb[1:]]) == 0, capsys.readouterr().err
        if verb == ["demonstrate"]:
            told = json.loads((disk / "run/demonstrations/manifest.json").read_text())
            assert told["usage"]["calls"] + made == calls(disk), "nothing was paid for twice"
    assert all(full.values()), full


def test_a_read_only_mount_is_one_line_at_push(disk, keys, capsys):
    for verb in ("demonstrate", "train"):
        assert main([verb, *keys]) == 0
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    capsys.readouterr()
    for verb in (PUSH, ["train"], ["evaluate"]):
        assert main([verb[0], *keys, *verb[1:]]) == 2
        line = capsys.readouterr().err.strip().splitlines()[-1]
        assert f"output_dir {disk / 'run'} cannot be written to (Read-only file system)" in line
