"""One start at a time in a folder: the second is refused at once, and the death of the first lets go."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import STAGING
from hf_selfdemo.verbs import VERBS
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.lock import READERS, held

CLI = "import sys; from hf_selfdemo.verbs.cli import main; sys.exit(main(sys.argv[1:]))"
HOLD = """
import sys, time
from pathlib import Path
from hf_selfdemo.verbs.lock import held
with held(Path(sys.argv[1]), *sys.argv[2:]):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def holder():
    """Starts processes that hold a folder until they are killed."""
    started = []

    def start(folder, *shard):
        process = subprocess.Popen([sys.executable, "-c", HOLD, str(folder), *shard], stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout.readline() == "held\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_start_is_refused_at_once_and_the_death_of_the_first_lets_go(holder, gold, refused, tmp_path):
    first = holder(tmp_path / "run")
    began = time.monotonic()
    for verb in VERBS.keys() - set(READERS):
        assert f"another command is running in {tmp_path / 'run'}: wait until" in refused(verb, *gold)
    assert time.monotonic() - began < 20
    assert [path.name for path in (tmp_path / "run").iterdir()] == [".lock"], "nothing was written"
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert main(["demonstrate", *gold]) == 0
    assert not (tmp_path / "run" / ".lock").exists()


def test_a_folder_in_which_nothing_was_written_is_gone_afterwards(tmp_path):
    with held(tmp_path / "run"):
        assert (tmp_path / "run").is_dir()
    assert not (tmp_path / "run").exists()
    with held(tmp_path / "run"):
        (tmp_path / "run" / "plan.json").write_text("{}")
    assert os.listdir(tmp_path / "run") == ["plan.json"]


def test_shards_share_a_folder_and_no_other_start_comes_between(holder, tmp_path):
    holder(tmp_path / "run", "0/2")
    with held(tmp_path / "run", "1/2"):
        pass
    for shard in ("0/2", ""):
        with pytest.raises(UserError, match="another command is running"), held(tmp_path / "run", shard):
            pass
    holder(tmp_path / "other")
    with pytest.raises(UserError, match="another command is running"), held(tmp_path / "other", "1/2"):
        pass


def test_what_a_killed_shard_leaves_stops_nobody(holder, tmp_path):
    killed = holder(tmp_path / "run", "0/2")
    killed.kill()
    killed.wait()
    with held(tmp_path / "run"):
        pass
    with held(tmp_path / "run", "0/2"):
        pass


def test_what_a_kill_leaves_half_written_goes_with_the_next_start_and_nothing_else(tmp_path):
    run = tmp_path / "run"
    ours = [f"plan.json.ab12cd34{STAGING}", f"rounds/2/model/README.md.x{STAGING}", f"export/.ragas.y{STAGING}/a.jsonl"]
    theirs = ["plan.json", "export/notes.part", f"other_run/train.parquet.z{STAGING}"]
    for name in ours + theirs:
        (run / name).parent.mkdir(parents=True, exist_ok=True)
        (run / name).write_text("half")
    with held(run, "0/2"):
        assert all((run / name).exists() for name in ours), "another shard may be writing them"
    with held(run):
        pass
    assert not any((run / name).exists() for name in ours) and not (run / ours[2]).parent.exists()
    assert all((run / name).exists() for name in theirs)


@pytest.mark.parametrize("shards", [("", ""), ("", "0/2"), ("0/2", "0/2"), ("0/2", "1/2")])
def test_of_two_that_start_at_once_one_works_and_the_other_is_told_why_not(tmp_path, shards):
    """Each begins and ends many times; what it writes nothing into is removed under the feet of the other."""

    def start(shard, barrier):
        barrier.wait()
        try:
            with held(tmp_path / "run", shard):
                barrier.wait()  # hold it until the other has tried
        except UserError as error:
            barrier.wait()
            return str(error)
        return ""

    def hurry(shard):
        for _ in range(200):
            try:
                with held(tmp_path / "other", shard):
                    pass
            except UserError as error:
                assert "another command is running" in str(error)

    with ThreadPoolExecutor(2) as pool:
        for _ in range(8):
            barrier = threading.Barrier(2)
            said = list(pool.map(start, shards, [barrier] * 2))
            assert said.count("") == (2 if set(shards) == {"0/2", "1/2"} else 1), said
            assert all("another command is running" in line for line in said if line)
        list(pool.map(hurry, shards))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["file", "file/run"])
def test_a_file_is_no_folder(tmp_path, place):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(UserError, match="cannot be written to"), held(tmp_path / place):
        pass
    assert (tmp_path / "file").read_text() == "mine"


def test_two_starts_pay_for_nothing_twice_and_mix_nothing(own, refused, tmp_path):
    """The first is halted between two of its calls, so that the second meets it there however fast either is."""
    folder = tmp_path / "run"
    first = subprocess.Popen([sys.executable, "-c", CLI, "demonstrate", *own], stderr=subprocess.PIPE, text=True)
    while first.poll() is None and not calls(folder):
        time.sleep(0.005)
    first.send_signal(signal.SIGSTOP)
    assert first.poll() is None
    assert "another command is running" in refused("demonstrate", *own, "--pair_policy=gold")
    assert not (folder / "demonstrations" / "manifest.json").exists()
    first.send_signal(signal.SIGCONT)
    assert first.wait() == 0, first.stderr.read()
    first.stderr.close()
    made, paid = manifest(folder), calls(folder)
    assert made["usage"]["calls"] == paid
    assert main(["demonstrate", *own, "--pair_policy=gold"]) == 0
    assert manifest(folder)["usage"]["calls"] == 0 and calls(folder) == paid


def manifest(folder):
    return json.loads((folder / "demonstrations" / "manifest.json").read_text())


def calls(folder):
    """How many a ledger holds that another process may be writing."""
    try:
        with sqlite3.connect(f"file:{folder / 'ledger.sqlite'}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM calls").fetchone()[0]
    except sqlite3.OperationalError:
        return 0
