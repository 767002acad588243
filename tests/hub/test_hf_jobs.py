"""`examples/hf_jobs.py`: a job that was stopped goes on in another one from what the Hub keeps of it."""

import os
import runpy
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from huggingface_hub import HfApi
from server import TOKEN
from transformers import Trainer

from hf_selfdemo.verbs.cli import main

SCRIPT = Path(__file__).parents[2] / "examples/hf_jobs.py"
SMALL = [
    *("--judge=tournament", "--max_candidate_tokens=12", "--rag_candidates=2", "--closed_book_candidates=0"),
    *("--refusal_candidates=1", "--max_abstain_share=1", "--max_train_questions=4", "--max_train_unanswerable=0"),
    *("--passages_per_question=2", "--max_test_questions=2", "--max_test_unanswerable=0", "--max_answer_tokens=4"),
    *("--evaluate_modes", "rag", "--num_train_epochs=2", "--per_device_train_batch_size=2", "--lora_r=2", "--use_cpu"),
    *("--on_policy_rows=0", "--meter_rows=0", "--save_strategy=steps", "--save_steps=1"),
]


@pytest.fixture
def script():
    return SimpleNamespace(**runpy.run_path(str(SCRIPT), run_name="hf_jobs"))


@pytest.fixture
def jobs(monkeypatch):
    """Hugging Face Jobs: starts a script again as often as it may until it ends well; tells what it was asked for."""
    asked = []

    def run_uv_job(self, script, *, script_args, secrets, attempts, **rest):
        asked.append({"script": script, "secrets": secrets, "attempts": attempts, "codes": [], **rest})
        for _ in range(attempts):
            asked[-1]["codes"].append(runpy.run_path(script)["main"](list(script_args)))
            if asked[-1]["codes"][-1] == 0:
                break
        return SimpleNamespace(id="1", url="https://jobs.example/1")

    monkeypatch.setattr(HfApi, "run_uv_job", run_uv_job)
    before = signal.getsignal(signal.SIGTERM)
    yield asked
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def in_process(monkeypatch):
    """The command of the job runs here, so that a test can stop it anywhere."""

    class Process:
        def __init__(self, command, cwd):
            assert command[1:4] == ["-m", "hf_selfdemo", "run"]
            self.arguments, self.cwd = command[3:], cwd

        def wait(self, timeout):
            here = os.getcwd()
            os.chdir(self.cwd)
            try:
                return main(self.arguments)
            finally:
                os.chdir(here)

    monkeypatch.setattr(subprocess, "Popen", Process)


def test_a_job_that_is_stopped_goes_on_in_the_next_attempt(
    hub, jobs, in_process, script, brief_model, monkeypatch, tmp_path, capfd
):
    recipe = tmp_path / "mine.yaml"
    recipe.write_text(yaml.safe_dump({"output_dir": "elsewhere", "model_name_or_path": str(brief_model)}))
    begun, step = [], Trainer.training_step

    def counted(self, *arguments, **keys):
        begun.append(self.state.global_step)
        if len(begun) == 3:
            raise KeyboardInterrupt
        return step(self, *arguments, **keys)

    monkeypatch.setattr(Trainer, "training_step", counted)
    assert script.main(["--config", str(recipe), "--state", "me/mine-state", "--flavor=t4-small", "--", *SMALL]) == 0
    [job] = jobs
    assert (job["script"], job["flavor"], job["secrets"]) == (str(SCRIPT), "t4-small", {"HF_TOKEN": TOKEN})
    assert job["codes"] == [130, 0] and begun[:3] == [0, 1, 2] and begun[3] == 2, "it went on from the second step"

    repository = hub.repositories["dataset", "me/mine-state"]
    assert repository.private and len(repository.pushes) == 3, "the recipe, and a copy of each attempt"
    first, second = (commit.files for commit in repository.pushes[1:])
    assert "run/model/checkpoint-2/selfdemo.json" in first and "run/model/manifest.json" not in first
    assert {"run/ledger.sqlite", "run/model/manifest.json", "run/evaluation/manifest.json"} <= set(second)
    assert not any(".lock" in name or "-wal" in name for name in second)
    calls = [rows(files, tmp_path) for files in (first, second)]
    assert calls[0] and calls[0] <= calls[1], "no call was made again"
    told = "".join(capfd.readouterr())
    assert "all were in the generation cache" in told and TOKEN not in told


def rows(files, folder):
    """The calls in a ledger of the repository, with the time at which each was made."""
    (folder / "copy.sqlite").write_bytes(files["run/ledger.sqlite"].content)
    with sqlite3.connect(folder / "copy.sqlite") as ledger:
        return set(ledger.execute("SELECT key, at FROM calls"))


def test_a_copy_is_made_every_so_often_and_holds_no_half_written_file(hub, jobs, script, tmp_path, monkeypatch):
    hub.add("dataset", "me/state", private=True)
    made = """
import pathlib, sqlite3, time
run = pathlib.Path("run")
for name in ("model/checkpoint-1/selfdemo.json", "model/checkpoint-1/weights", "model/checkpoint-2/weights", ".lock",
             "demonstrations/x.selfdemo-part"):
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).write_text("x")
open_ledger = sqlite3.connect(run / "ledger.sqlite")
open_ledger.execute("PRAGMA journal_mode=wal")
open_ledger.execute("CREATE TABLE calls (key, at)")
open_ledger.execute("INSERT INTO calls VALUES (1, 2)")
open_ledger.commit()
while not pathlib.Path("enough").exists():
    time.sleep(0.05)
"""
    start, wait = subprocess.Popen, subprocess.Popen.wait
    monkeypatch.setattr(subprocess, "Popen", lambda command, cwd: start([sys.executable, "-c", made], cwd=cwd))

    def waited(self, timeout=None):
        if hub.repositories["dataset", "me/state"].pushes:
            (folder / "enough").touch()
            return wait(self)
        return wait(self, timeout)

    folder = tmp_path / "job"
    folder.mkdir()
    monkeypatch.setattr(start, "wait", waited)
    monkeypatch.setattr("tempfile.TemporaryDirectory", lambda *_, **__: Kept(folder))
    assert script.work(HfApi(), "me/state", 0.2, []) == 0
    copy = hub.repositories["dataset", "me/state"].head
    kept = {name for name in copy.files if name.startswith("run/")}
    assert kept == {"run/ledger.sqlite", *(f"run/model/checkpoint-1/{name}" for name in ("selfdemo.json", "weights"))}
    assert rows(copy.files, tmp_path) == {(1, 2)}


class Kept:
    """The first temporary folder is the job's; copies get others below it."""

    def __init__(self, folder):
        self.folder = folder / f"copy-{len(list(folder.iterdir()))}" if any(folder.iterdir()) else folder

    def __enter__(self):
        self.folder.mkdir(exist_ok=True)
        return str(self.folder)

    def __exit__(self, *_):
        return None


def test_nothing_is_sent_to_a_public_repository_and_no_secret_into_the_recipe(hub, jobs, script, tmp_path, capsys):
    hub.add("dataset", "me/open")
    assert script.main(["--state", "me/open"]) == 2
    assert "me/open is public, and a run contains passages" in capsys.readouterr().err
    assert script.main(["--in_job", "--state", "me/open"]) == 2
    (tmp_path / "r.yaml").write_text(f"output_dir: x\nhub_token: {TOKEN}\n")
    assert script.main(["--config", str(tmp_path / "r.yaml"), "--state", "me/other"]) == 2
    said = capsys.readouterr().err
    assert "contains hub_token: leave it out" in said and TOKEN not in said
    assert not jobs and not hub.repositories["dataset", "me/open"].pushes


def test_a_copy_that_fails_is_another_attempt(hub, jobs, script, monkeypatch, capsys, waits):
    hub.add("dataset", "me/state", private=True)
    made = "import pathlib; pathlib.Path('run').mkdir(); pathlib.Path('run/a').touch()"
    start = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", lambda command, cwd: start([sys.executable, "-c", made], cwd=cwd))
    hub.fail("POST .*/commit/", times=-1, status=403)
    assert script.work(HfApi(), "me/state", 60, []) == 1
    assert "the run was not copied to me/state (" in capsys.readouterr().err
