"""Calls in shared files: several write, all read, nothing half written is taken for a call."""

import json
import subprocess
import threading
import uuid

import pytest

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Reply
from hf_selfdemo.core.worker_ledger import WorkerLedger

REPLY = Reply("Zürich \ud800 🤷 \x00\n", "length", (-0.5, -1.25), 10, 3, 2, logprob=0.0)


@pytest.fixture(params=["a path", "objects"])
def folder(request, tmp_path):
    return {"a path": str(tmp_path / "calls"), "objects": f"memory://{uuid.uuid4()}/calls"}[request.param]


def put(ledger, key, reply=REPLY):
    return ledger.put(key, "tiny", "rag", f"q/{key}", reply)


def test_a_worker_begins_with_what_others_kept(folder):
    first = WorkerLedger(CallFiles(folder))
    put(first, "k1")
    second = WorkerLedger(CallFiles(folder))
    assert second.get("k1") == REPLY
    put(second, "k2")
    assert first.get("k2") is None, "files are read once, at the start"
    assert sorted(call[0] for call in CallFiles(folder)) == ["k1", "k2"]


def test_the_runs_ledger_takes_the_calls_and_gives_those_that_the_files_lack(folder, tmp_path):
    worker, ledger = WorkerLedger(CallFiles(folder)), Ledger(tmp_path / "run.sqlite")
    put(worker, "both", Reply("the worker's"))
    put(worker, "worker")
    put(ledger, "both", Reply("the run's"))
    put(ledger, "run")
    assert [call[0] for call in ledger.all_but(call[0] for call in CallFiles(folder))] == ["run"]
    assert ledger.add(CallFiles(folder)) == 1
    assert (ledger.get("both").text, ledger.get("worker")) == ("the run's", REPLY)
    assert ledger.add(CallFiles(folder)) == 0


def test_calls_of_an_earlier_version_pass_without_a_checksum(tmp_path):
    old = Ledger(tmp_path / "old.sqlite")
    put(old, "k")
    old._db.execute("UPDATE calls SET checksum = NULL")
    files = CallFiles(str(tmp_path / "calls"))
    for call in old.all_but([]):
        files.append(call)
    assert WorkerLedger(CallFiles(str(tmp_path / "calls"))).get("k") == REPLY


def test_many_threads_write_and_no_call_is_lost(folder):
    ledger = WorkerLedger(CallFiles(folder))
    long = Reply("x" * 40_000)  # so that several objects are filled

    def write(thread):
        for number in range(6):
            put(ledger, f"{thread}/{number}", long)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    kept = [call[0] for call in CallFiles(folder)]
    assert len(kept) == len(set(kept)) == 24


@pytest.mark.parametrize("share", [0.05, 0.5, 0.99])
def test_a_line_that_was_never_finished_is_passed_over(tmp_path, share):
    put(WorkerLedger(CallFiles(str(tmp_path))), "whole")
    [path] = tmp_path.glob("*.jsonl")
    line = path.read_bytes()
    torn = line[: int(share * len(line))]
    path.write_bytes(torn + line + torn)  # a full disk cut it off, and later a kill
    assert [call[0] for call in CallFiles(str(tmp_path))] == ["whole"]


def test_a_call_that_was_changed_is_refused_with_its_file(tmp_path):
    put(WorkerLedger(CallFiles(str(tmp_path))), "k")
    [path] = tmp_path.glob("*.jsonl")
    call = json.loads(path.read_bytes())
    path.write_text(json.dumps([*call[:4], '{"text": "Rome"}', *call[5:]]) + "\n")
    with pytest.raises(UserError, match=rf"{path.name} contains a call that was changed since it was written: delete"):
        WorkerLedger(CallFiles(str(tmp_path)))


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"ray_ledgers .*file/calls cannot be written to \(Not a directory\): check"):
        CallFiles(str(tmp_path / "file/calls")).check()
    with pytest.raises(
        UserError, match=r"ray_ledgers nowhere://x cannot be written to \(ValueError: Protocol not known"
    ):
        CallFiles("nowhere://x").check()
    CallFiles(str(tmp_path / "new/calls")).check()
    assert list((tmp_path / "new/calls").iterdir()) == []


@pytest.fixture
def disk(tmp_path):
    """Mounts a small file system of its own with the options that it is given."""
    folder = tmp_path / "disk"
    folder.mkdir()

    def mounted(options):
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("only root may mount")
        return folder

    yield mounted
    subprocess.run(["umount", "-l", str(folder)], capture_output=True)


def test_a_read_only_disk_is_one_line(disk):
    with pytest.raises(UserError, match=r"ray_ledgers .* cannot be written to \(Read-only file system\): check that"):
        CallFiles(str(disk("ro"))).check()


def test_a_full_disk_is_one_line_and_loses_no_finished_call(disk):
    full = disk("size=64k")
    ledger, kept = WorkerLedger(CallFiles(str(full))), 0
    with pytest.raises(UserError, match=r"ray_ledgers .* cannot be written to \(No space left on device\): check that"):
        for kept in range(100):
            put(ledger, f"k{kept}", Reply("x" * 3000))
    assert 0 < kept < 99
    keys = [f"k{number}" for number in range(kept)]
    assert sorted(call[0] for call in CallFiles(str(full))) == sorted(keys)
    subprocess.run(["mount", "-o", "remount,size=128k", str(full)], check=True)
    put(ledger, "later")
    assert sorted(call[0] for call in CallFiles(str(full))) == sorted([*keys, "later"])
