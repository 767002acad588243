"""`kill -9` at random moments: what was done is done, the rest follows, and the files come out the same."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = 20
CLI = "import sys; from hf_selfdemo.verbs.cli import main; sys.exit(main(sys.argv[1:]))"
OUTPUTS = ("train.parquet", "candidates.jsonl", "skipped.jsonl")


def main(folder):
    """Run undisturbed, then once more with a kill whenever a random time is up; print what was seen.

    A process of its own, so that its children can be forked with all imports done and no thread running.
    """
    import hf_selfdemo.judging.tournament
    import hf_selfdemo.methods.demonstrations
    import hf_selfdemo.methods.self_demo  # noqa: F401

    undisturbed = time.perf_counter()
    child(folder, "undisturbed", None)
    undisturbed = time.perf_counter() - undisturbed
    draw, kills = random.Random(0), 0
    while kills < KILLS:
        kills += child(folder, "killed", draw.uniform(0, 0.1) * undisturbed)
    child(folder, "killed", None)
    print(json.dumps({"kills": kills}))


def child(folder, name, seconds):
    """Run in a forked process and kill it after so many seconds; True if it was alive then."""
    pid = os.fork()
    if pid == 0:
        run(folder / name)
        os._exit(0)
    if seconds is None:
        assert os.waitpid(pid, 0)[1] == 0
        return False
    time.sleep(seconds)
    os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1] == signal.SIGKILL


def run(folder):
    """The whole recipe over made-up rows: nine candidates in two turns, and the tournament."""
    from hf_selfdemo.core.ledger import Ledger
    from hf_selfdemo.core.types import Evidence, Passage, Question
    from hf_selfdemo.generation.recorded import RecordedGenerator
    from hf_selfdemo.judging.tournament import TournamentJudge
    from hf_selfdemo.methods.demonstrations import demonstrate
    from hf_selfdemo.methods.self_demo import Choosing, Sampling, SelfDemo

    rows = [
        Evidence(Question(f"q{i}", f"What is {i} times 7?", (str(i * 7),)), (Passage("p", f"It is {i * 7}."),), True)
        for i in range(24)
    ]
    folder.mkdir(exist_ok=True)
    generator = RecordedGenerator(scripted(folder / "completed.log"), Ledger(folder / "ledger.sqlite"))
    strategy = SelfDemo(
        Sampling(summarise=True), Choosing(pair_policy="other_label", max_abstain_share=0.3, replay_share=0.2)
    )
    demonstrate(rows, strategy, generator, TournamentJudge(), folder / "run")


def scripted(log):
    from hf_selfdemo.generation.scripted import ScriptedGenerator

    class Logging(ScriptedGenerator):
        """Takes a moment for each call, and notes a call once its reply has been taken from it."""

        def stream(self, requests):
            for i, reply in super().stream(requests):
                time.sleep(0.001)
                yield i, reply
                with log.open("a") as out:
                    out.write(requests[i].id + "\n")

    def reply(request):
        if request.choices:
            return request.choices[len(request.messages[0]["content"]) % len(request.choices)]
        number = int(request.id.split("/")[0].removeprefix("q"))
        if request.stage == "refusal" or number % 3 == 0:
            return "The passages do not say."
        return f"It is {number * 7 + request.seed % 2}."

    return Logging(reply)


def test_twenty_kills_change_nothing_and_repeat_nothing(tmp_path):
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == {"kills": KILLS}
    undisturbed, killed = tmp_path / "undisturbed", tmp_path / "killed"
    for name in OUTPUTS:
        assert (undisturbed / "run" / name).read_bytes() == (killed / "run" / name).read_bytes(), name
    calls, completed = ((folder / "completed.log").read_text().split() for folder in (undisturbed, killed))
    assert len(completed) == len(set(completed)), "a completed call was made again"
    assert set(completed) <= set(calls) and len(calls) - len(completed) <= KILLS, "what a kill left unnoted"
    assert 24 * 18 < len(calls) <= 24 * 22, "the whole recipe, but for judgements among equals"


@pytest.mark.real_model
def test_a_kill_in_the_middle_with_the_real_model(tmp_path):
    flags = [
        *("demonstrate", "--config", "recipes/quickstart/self_demo.yaml", "--judge=tournament", "--summarise"),
        *("--max_train_questions=4", "--max_train_unanswerable=1", "--train_twins=1", "--generation_batch_size=8"),
        *("--max_candidate_tokens=12", "--on_policy_rows=0"),
        "--dtype=float32",  # batches are others after the kill, and in bfloat16 a near tie may fall the other way
    ]

    def start(name):
        command = [sys.executable, "-c", CLI, *flags, f"--output_dir={tmp_path / name}"]
        return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def figures(name):
        manifest = json.loads((tmp_path / name / "demonstrations/manifest.json").read_text())
        return manifest["usage"]["calls"], manifest["reused"]["calls"]

    assert start("undisturbed").wait() == 0
    total, _ = figures("undisturbed")
    victim, ledger = start("killed"), tmp_path / "killed/ledger.sqlite"
    while victim.poll() is None and recorded(ledger) < total // 3:
        time.sleep(0.05)
    victim.kill()
    assert victim.wait() == -signal.SIGKILL
    found = recorded(ledger)
    assert start("killed").wait() == 0
    assert figures("killed") == (total - found, found) and 0 < found < total
    for name in OUTPUTS:
        paths = (tmp_path / run / "demonstrations" / name for run in ("undisturbed", "killed"))
        assert len({path.read_bytes() for path in paths}) == 1, name


def recorded(path):
    """Calls in a ledger that another process is writing."""
    import sqlite3

    try:
        with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as db:
            return db.execute("SELECT count(*) FROM calls").fetchone()[0]
    except sqlite3.OperationalError:
        return 0


if __name__ == "__main__":
    main(Path(sys.argv[1]))
