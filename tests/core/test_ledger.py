"""What was written down stays written, is read by several, and nothing strange is taken for it."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import FORMAT, Ledger
from hf_selfdemo.core.types import Reply


def fill(path, count, start=0):
    ledger = Ledger(path)
    for i in range(start, start + count):
        ledger.put(f"k{i}", "tiny", "rag", f"q{i}", Reply(f"text {i}", prompt_tokens=10, generated_tokens=2))
    return ledger


def test_a_reply_comes_back_as_it_was(tmp_path):
    reply = Reply("Zürich \ud800 🤷 \x00", "length", (-0.5, -1.25), 10, 3, 2, logprob=0.0)
    Ledger(tmp_path / "new/folder/l.sqlite").put("k", "m", "judge", "q", reply)
    assert Ledger(tmp_path / "new/folder/l.sqlite").get("k") == reply
    assert Ledger(tmp_path / "new/folder/l.sqlite").get("other") is None


def test_the_first_of_two_counts(tmp_path):
    ledger = fill(tmp_path / "l.sqlite", 1)
    assert Ledger(tmp_path / "l.sqlite").put("k0", "tiny", "rag", "q0", Reply("late")).text == "text 0"
    assert ledger.get("k0").text == "text 0"


def test_a_killed_writer_leaves_every_finished_call(tmp_path):
    """`kill -9` at random moments: whatever the writer had reported as done is there, and the file opens."""
    code = (
        "import sys; from pathlib import Path; from hf_selfdemo.core.ledger import Ledger\n"
        "from hf_selfdemo.core.types import Reply\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for i in range(10**6):\n"
        "    ledger.put(f'{sys.argv[2]}/{i}', 'm', 's', 'q', Reply('x' * 500)); print(i, flush=True)\n"
    )
    path, delay = tmp_path / "l.sqlite", random.Random(0)
    for name in range(4):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path), str(name)], stdout=subprocess.PIPE, text=True)
        writer.stdout.readline()
        time.sleep(delay.uniform(0.01, 0.2))
        os.kill(writer.pid, signal.SIGKILL)
        done = len(writer.communicate()[0].splitlines()) + 1
        ledger = Ledger(path)
        assert all(ledger.get(f"{name}/{i}") is not None for i in range(done))
        ledger.close()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_torn_tail_is_cut_off_and_what_was_before_it_kept(tmp_path, share):
    path, copy = tmp_path / "l.sqlite", tmp_path / "torn.sqlite"
    ledger = fill(path, 40)
    log = (tmp_path / "l.sqlite-wal").read_bytes()  # still open: the newest calls are in the write-ahead log
    copy.write_bytes(path.read_bytes())
    (tmp_path / "torn.sqlite-wal").write_bytes(log[: int(share * len(log))] + b"\xff" * 100)
    kept = [i for i in range(40) if Ledger(copy).get(f"k{i}")]
    assert kept == list(range(len(kept))) and 0 < len(kept) < 40
    ledger.close()


def test_two_processes_and_many_threads_may_write_at_once(tmp_path):
    path = tmp_path / "l.sqlite"
    code = (
        "import sys; from pathlib import Path; from hf_selfdemo.core.ledger import Ledger\n"
        "from hf_selfdemo.core.types import Reply\n"
        "ledger = Ledger(Path(sys.argv[1]))\n"
        "for i in range(60): ledger.put(f'{sys.argv[2]}/{i}', 'm', 's', 'q', Reply('x'))\n"
    )
    others = [subprocess.Popen([sys.executable, "-c", code, str(path), str(n)]) for n in range(2)]
    ledger = Ledger(path)

    def write(n):
        for i in range(20):
            ledger.put(f"thread {n}/{i}", "m", "s", "q", Reply("x"))

    threads = [threading.Thread(target=write, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for worker in [*threads, *others]:
        worker.join() if isinstance(worker, threading.Thread) else worker.wait()
    assert [row["calls"] for row in ledger.summary()] == [2 * 60 + 3 * 20]


def test_summary_counts_by_model_and_stage(tmp_path):
    ledger = fill(tmp_path / "l.sqlite", 3)
    ledger.put("j", "tiny", "judge", "q", Reply("1", cached_tokens=4, prompt_tokens=9))
    rag, judge = sorted(ledger.summary(), key=lambda row: -row["calls"])
    assert (rag["calls"], rag["prompt_tokens"], rag["generated_tokens"]) == (3, 30, 6)
    assert (judge["stage"], judge["cached_tokens"]) == ("judge", 4) and judge["first"] == judge["last"] > 1e9


def test_a_full_disk_is_one_clear_line_and_loses_nothing(tmp_path):
    ledger = fill(tmp_path / "l.sqlite", 5)
    pages = ledger._db.execute("PRAGMA page_count").fetchone()[0]
    ledger._db.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(UserError, match=r"l\.sqlite.*full.*free some space.*same command"):
        for i in range(100):
            ledger.put(f"more {i}", "m", "s", "q", Reply("x" * 3000))
    ledger.close()
    assert Ledger(tmp_path / "l.sqlite").get("k4").text == "text 4"


def test_a_ledger_of_another_format_is_refused(tmp_path):
    fill(tmp_path / "l.sqlite", 1)._db.execute(f"PRAGMA user_version = {FORMAT + 1}")
    with pytest.raises(UserError, match=rf"format {FORMAT + 1}.*reads format {FORMAT}"):
        Ledger(tmp_path / "l.sqlite")


def test_what_is_no_ledger_is_refused_and_left_alone(tmp_path):
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("CREATE TABLE t (x)")
    other.commit()
    with pytest.raises(UserError, match="another program"):
        Ledger(tmp_path / "other.sqlite")
    (tmp_path / "text").write_text("questions\n" * 1000)
    with pytest.raises(UserError, match=r"not a database.*restore the file"):
        Ledger(tmp_path / "text")
    assert (tmp_path / "text").read_text().startswith("questions")
    with pytest.raises(UserError, match="cannot be used"):
        Ledger(tmp_path)


def test_a_call_that_was_changed_since_is_not_taken_for_what_was_written(tmp_path):
    for name, value in {"reply": '{"text": "Rome"}', "model": "other", "generated_tokens": 3, "at": 1.0}.items():
        ledger = fill(tmp_path / f"{name}.sqlite", 2)
        ledger._db.execute(f"UPDATE calls SET {name} = ? WHERE key = 'k1'", (value,))
        with pytest.raises(UserError, match=r"contains a call that was changed since it was written: restore the file"):
            ledger.get("k1")
        with pytest.raises(UserError, match=r"1 calls in the generation cache .* were changed since they were written"):
            ledger.summary()
        assert ledger.get("k0").text == "text 0"


def test_a_ledger_of_an_earlier_version_keeps_its_calls_and_takes_new_ones(tmp_path):
    """Its calls were paid for, and have no checksum."""
    path = tmp_path / "l.sqlite"
    fill(path, 2)._db.execute("ALTER TABLE calls DROP COLUMN checksum")
    ledger = fill(path, 1, start=2)
    assert [ledger.get(f"k{i}").text for i in range(3)] == ["text 0", "text 1", "text 2"]
    assert ledger.summary()[0]["calls"] == 3
    checked = ledger._db.execute("SELECT key FROM calls WHERE checksum IS NOT NULL").fetchall()
    assert checked == [("k2",)]


def test_a_ledger_whose_table_is_gone_is_not_begun_anew(tmp_path):
    fill(tmp_path / "l.sqlite", 1)._db.execute("ALTER TABLE calls RENAME TO callz")
    with pytest.raises(UserError, match="no such table: calls"):
        Ledger(tmp_path / "l.sqlite")
