"""A call is claimed by one of all threads and processes; its claim ends with it or with its holder."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from hf_selfdemo.core.in_flight import InFlight

HOLD = """
import sys, time
from pathlib import Path
from hf_selfdemo.core.in_flight import InFlight
print(InFlight(Path(sys.argv[1])).claim(sys.argv[2]), flush=True)
time.sleep(600)
"""


@pytest.fixture
def holder(tmp_path):
    """Starts processes that claim a call and keep it until they are killed."""
    started = []

    def start(key):
        command = [sys.executable, "-c", HOLD, str(tmp_path / "calls"), key]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        return started[-1], started[-1].stdout.readline().strip()

    yield start
    for process in started:
        process.kill()
        process.communicate()


def test_a_claim_holds_between_processes_and_dies_with_its_holder(holder, tmp_path):
    calls = InFlight(tmp_path / "calls")
    process, claimed = holder("k")
    assert claimed == "True" and not calls.claim("k") and calls.claim("j")
    assert holder("j")[1] == "False", "though a claim to k was refused in the same process meanwhile"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert calls.claim("k")


def test_of_many_threads_one_has_the_claim(tmp_path):
    claimed, start = [], threading.Barrier(8)

    def claim():
        start.wait()
        claimed.append(InFlight(tmp_path / "calls").claim("k"))

    threads = [threading.Thread(target=claim) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert claimed.count(True) == 1 and len(claimed) == 8


def test_a_fork_has_no_claim_of_its_parent_and_takes_none_away(tmp_path):
    calls = InFlight(tmp_path / "calls")
    assert calls.claim("k")
    pid = os.fork()
    if pid == 0:
        os._exit(10 * calls.claim("k") + calls.claim("j"))
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 1
    calls.release("k")


def test_a_file_that_nothing_is_claimed_in_is_closed(tmp_path):
    before = len(os.listdir("/dev/fd"))
    for number in range(20):
        calls = InFlight(tmp_path / f"calls {number}")
        assert calls.claim("k") and calls.claim("j")
        calls.release("k")
        calls.release("j")
    assert len(os.listdir("/dev/fd")) == before
