"""SIGTERM, which a scheduler sends before it kills, ends a verb as Ctrl+C does: one line, and it goes on from there."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from hf_selfdemo.verbs import STAGES, VERBS
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.failures import terminable

CLI = [sys.executable, "-m", "hf_selfdemo"]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_ends_in_one_line_and_lets_go_of_the_folder(verb, gold, capsys, monkeypatch, tmp_path):
    def terminated(recipe):
        (tmp_path / "run").mkdir(exist_ok=True)
        (tmp_path / "run/kept").write_text("")
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(10)

    module, _, name = STAGES[VERBS[verb][0]].partition(":")
    monkeypatch.setattr(f"{module}.{name}", terminated)
    before = signal.getsignal(signal.SIGTERM)
    assert main([verb, *gold]) == 143
    said = capsys.readouterr().err.strip().splitlines()
    assert said == ["hf-selfdemo: stopped by SIGTERM; repeat the command to continue"]
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["kept"], "no lock is left"
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_second_signal_ends_at_once():
    code = (
        "import os, signal, time\n"
        "from hf_selfdemo.verbs.failures import terminable\n"
        "with terminable():\n"
        "    try:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    finally:\n"
        "        os.kill(os.getpid(), signal.SIGTERM)\n"
        "        time.sleep(60)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=50).returncode == -signal.SIGTERM


def test_processes_that_were_launched_together_are_left_to_their_launcher(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    before = signal.getsignal(signal.SIGTERM)
    with terminable():
        assert signal.getsignal(signal.SIGTERM) == before


def test_calls_that_were_made_are_not_made_again(own, tmp_path):
    ledger = tmp_path / "run/ledger.sqlite"
    process = subprocess.Popen([*CLI, "demonstrate", *own], stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 120
        while not calls(ledger) and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.01)
        process.send_signal(signal.SIGTERM)
        said = process.communicate(timeout=60)[1]
    finally:
        process.kill()
    assert process.returncode == 143, said
    assert said.strip().splitlines()[-1] == "hf-selfdemo: stopped by SIGTERM; repeat the command to continue"
    made = calls(ledger)
    assert made and main(["demonstrate", *own]) == 0
    told = json.loads((tmp_path / "run/demonstrations/manifest.json").read_text())
    assert told["usage"]["calls"] + made == calls(ledger) and told["reused"]["calls"] >= made


def calls(ledger):
    """Rows of the ledger, from outside; 0 where there is none yet."""
    try:
        with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM calls").fetchone()[0]
    except sqlite3.Error:
        return 0
