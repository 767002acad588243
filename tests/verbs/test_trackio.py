"""`report_to: trackio`: metrics reach a folder on this machine, and neither a token nor a text of the data does."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

import hf_selfdemo
from hf_selfdemo.data.questions import read_passages, read_questions
from hf_selfdemo.verbs.cli import main

pytest.importorskip("trackio")

TOKEN = "hf_" + "aB3dE5gH7j" * 4
CODE = """
import socket, sys
asked = []
socket.socket.connect = lambda self, address: asked.append(address) or (_ for _ in ()).throw(OSError("no network"))
from hf_selfdemo.verbs.cli import main
code = main(sys.argv[1:])
assert not asked, asked
sys.exit(code)
"""


def test_metrics_stay_here_and_no_text_or_token_is_among_them(gold, dev, tmp_path):
    assert main(["demonstrate", *gold]) == 0
    tracker = ["--report_to", "trackio", "--project=rag", "--run_name=first", "--logging_steps=1"]
    flags = [*gold, *dev, *tracker, "--eval_strategy=epoch", f"--hub_token={TOKEN}"]
    # the folder is read when trackio is imported, so this takes a process of its own
    path = os.pathsep.join([str(Path(hf_selfdemo.__file__).parents[1]), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", CODE, "train", *flags],
        env=os.environ | {"TRACKIO_DIR": str(tmp_path / "tracked"), "HF_TOKEN": TOKEN, "PYTHONPATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]

    with sqlite3.connect(tmp_path / "tracked/rag.db") as database:
        logged = [
            json.loads(row) for (row,) in database.execute("SELECT metrics FROM metrics WHERE run_name = 'first'")
        ]
    seen = {name for row in logged for name in row}
    assert {"train/loss", "train/answer_loss", "train/learning_rate", "eval/f_score", "eval/abstention_recall"} <= seen
    assert [row["train/global_step"] for row in logged if "train/loss" in row] == [1, 2, 3, 4]

    texts = [question.text for split in ("train", "dev") for question in read_questions("embedded", split)]
    texts += [passage.text[:60] for split in ("train", "dev") for passage in read_passages("embedded", split)]
    kept = b"".join(path.read_bytes() for path in (tmp_path / "tracked").rglob("*") if path.is_file())
    assert b"learning_rate" in kept, "the options are kept"
    assert not [text for text in (TOKEN, *texts) if text.encode() in kept]
    assert TOKEN not in done.stdout + done.stderr
