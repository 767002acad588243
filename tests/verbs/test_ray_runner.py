"""`runner: ray`: the same files as one process, no finished call paid twice, and one line for what is wrong."""

import json
import os
import signal
import socket
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.config import EngineArguments
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.verbs.cli import main, parse
from hf_selfdemo.verbs.cluster import connection
from hf_selfdemo.verbs.cluster.connection import connect
from hf_selfdemo.verbs.cluster.runner import Cluster
from hf_selfdemo.verbs.cluster.stage import spread

FILES = ("demonstrations/train.parquet", "demonstrations/candidates.jsonl", "demonstrations/skipped.jsonl")


@pytest.fixture(scope="module")
def paid(tmp_path_factory):
    """A file with a line for each call that a worker paid for: its process, and the call's key."""
    return tmp_path_factory.mktemp("paid") / "calls.log"


@pytest.fixture(scope="module")
def cluster(paid):
    """Two nodes of one CPU on this machine, whose workers take a while for a call and say that they made it."""
    pytest.importorskip("ray")
    import ray
    from ray.cluster_utils import Cluster as Nodes

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_BACKEND_LOG_LEVEL", "fatal")
        patch.setenv("RAY_worker_niceness", "0")  # Ray's own 15 starves workers where other tests are running
        patch.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parents[2] / "src"), *sys.path]))
        made = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
        try:
            made.add_node(num_cpus=1)
            environment = {"worker_process_setup_hook": counted(str(paid))}
            ray.init(made.address, runtime_env=environment, log_to_driver=False)
            yield made
        finally:
            ray.shutdown()
            made.shutdown()


def counted(log):
    """A hook that runs in each worker process; it is sent as code."""

    def hook():
        import os
        import time

        import hf_selfdemo.generation.transformers as engine
        from hf_selfdemo.generation.recorded import call_key

        class Paid(engine.TransformersGenerator):
            def stream(self, requests):
                for place, reply in super().stream(requests):
                    line = f"{os.getpid()} {call_key(self.identity, requests[place])}\n"
                    with open(log, "a") as file:
                        file.write(line)
                    time.sleep(0.05)
                    yield place, reply

        engine.TransformersGenerator = Paid

    return hook


@pytest.fixture
def keys(brief_model, tmp_path):
    """Rows enough for two workers, twins among them, whose closed-book calls are those of their siblings."""
    return [
        *(f"--model_name_or_path={brief_model}", "--judge=tournament", "--max_train_questions=8", "--train_twins=4"),
        *(
            "--max_train_unanswerable=0",
            "--passages_per_question=1",
            "--rag_candidates=2",
            "--closed_book_candidates=1",
        ),
        *("--refusal_candidates=1", "--max_candidate_tokens=6", "--max_abstain_share=1", "--window=2"),
        "--on_policy_rows=2",
    ]


def calls(paid):
    return [line.split() for line in paid.read_text().splitlines()] if paid.exists() else []


def killed(paid, after):
    """Kill the process that pays for the call after so many, when it is at work on the next."""
    deadline = time.monotonic() + 300
    while len(calls(paid)) < after and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(int(calls(paid)[-1][0]), signal.SIGKILL)


def test_a_killed_worker_costs_the_calls_in_flight_and_the_files_are_the_same(cluster, paid, keys, tmp_path, capsys):
    one, many = tmp_path / "one", tmp_path / "many"
    assert main(["demonstrate", f"--output_dir={one}", *keys]) == 0, capsys.readouterr().err
    killer = threading.Thread(target=killed, args=(paid, 12))
    killer.start()
    assert main(["demonstrate", f"--output_dir={many}", "--runner=ray", *keys]) == 0, capsys.readouterr().err
    killer.join()
    assert [name for name in FILES if (one / name).read_bytes() != (many / name).read_bytes()] == []
    made = Counter(key for _, key in calls(paid))
    assert len({process for process, _ in calls(paid)}) == 3, "two workers, and one in the killed one's place"
    kept = {call[0] for call in CallFiles(str(many / "ledgers"))}
    assert made.keys() == kept
    assert made.total() - len(made) <= 1, "the call in flight"
    alone, together = (json.loads((run / "demonstrations/manifest.json").read_text()) for run in (one, many))
    assert (alone["on_policy"], alone["judge"]) == (together["on_policy"], together["judge"])
    assert together["usage"]["calls"] == 0 and together["reused"]["calls"] == alone["usage"]["calls"]


def test_searching_by_workers_finds_the_same(cluster, tmp_path, capsys):
    names = [f"{kind}{number}" for number in range(150) for kind in ("Mount ", "Lake ")]
    questions = [{"id": name, "question": f"How high is {name}?", "answers": [name[-2:]]} for name in names]
    corpus = [{"id": name, "title": name, "text": f"{name} is {name[-2:]} feet high."} for name in names]
    for file, rows in (("q", questions), ("c", corpus)):
        (tmp_path / f"{file}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = parse(
        [
            *(f"--output_dir={tmp_path / 'run'}", "--train_questions", f"{tmp_path / 'q.jsonl'}", "--train_twins=20"),
            *(f"--train_corpus={tmp_path / 'c.jsonl'}", "--runner=ray", "--passages_per_question=2"),
        ]
    )
    here, there = recipe_evidence(recipe, "train"), recipe_evidence(recipe, "train", Cluster(recipe).searching("train"))
    assert len(here[0]) == 320 and list(here[0]) == list(there[0]) and here[1] == there[1]


def test_what_a_worker_meets_is_one_line_with_its_host(cluster, tmp_path):
    room = connect(EngineArguments(), str(tmp_path / "calls"))
    with pytest.raises(UserError, match=f"^a worker on {socket.gethostname()}: .* cannot be used .*Is a directory"):
        list(spread(_Opens(str(tmp_path)), ["block"], room))


class _Opens:
    def __init__(self, path):
        self.path = path

    def open(self):
        return open(self.path)


def test_no_node_has_room(cluster, tmp_path):
    for keys in (EngineArguments(ray_worker_cpus=2), EngineArguments(ray_worker_gpus=1)):
        with pytest.raises(UserError, match=r"no node of the Ray cluster has .* for a worker: lower ray_worker_cpus"):
            connect(keys, str(tmp_path / "calls"))
    assert connect(EngineArguments(), str(tmp_path / "calls")).workers == 2


def test_a_node_that_cannot_take_part_is_refused_before_anything_is_asked(cluster, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^Ray node .*: ray_ledgers .*file/calls cannot be written to"):
        connect(EngineArguments(), str(tmp_path / "file/calls"))
    monkeypatch.setattr(connection, "version", lambda name: "9.9")
    with pytest.raises(
        UserError, match=r"^Ray node .*: it has hf-selfdemo .*, but this machine has 9\.9: install the same"
    ):
        connect(EngineArguments(), str(tmp_path / "calls"))
