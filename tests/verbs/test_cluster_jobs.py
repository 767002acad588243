"""What workers of a cluster do, in this process and without Ray: their calls are all that a verb then needs."""

import json
import pickle
from collections import Counter
from typing import ClassVar

import pyarrow
import pytest

import hf_selfdemo.generation.transformers as engine
from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation.recorded import call_key
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.verbs.cli import main, parse
from hf_selfdemo.verbs.cluster import runner
from hf_selfdemo.verbs.cluster.connection import Room
from hf_selfdemo.verbs.cluster.stage import Worker
from hf_selfdemo.verbs.cluster.writing import Search

FILES = [f"demonstrations/{name}" for name in ("train.parquet", "candidates.jsonl", "skipped.jsonl")]
REPLIES = [f"evaluation/predictions/{name}.jsonl" for name in ("base.rag", "copy.rag", "copy.closed_book")]


class Died(Exception):
    """A worker is gone."""


@pytest.fixture
def paid(monkeypatch):
    """The key of every call that was paid for; `dies_at` is how many are paid for when a worker dies."""

    class Paid(engine.TransformersGenerator):
        keys: ClassVar[list[str]] = []
        dies_at = 0

        def stream(self, requests):
            for place, reply in super().stream(requests):
                self.keys.append(call_key(self.identity, requests[place]))
                if len(self.keys) == self.dies_at:
                    raise Died
                yield place, reply

    monkeypatch.setattr(engine, "TransformersGenerator", Paid)
    return Paid


@pytest.fixture
def workers(monkeypatch, tmp_path):
    """Two workers that take blocks in turn; Ray is not there. One that dies is replaced and its block done again."""

    def spread(job, blocks, room):
        job, there = pickle.dumps(job), {}
        for number, block in enumerate(blocks):
            table = pyarrow.table({"block": [pickle.dumps(block)]})
            worker = there.setdefault(number % 2, Worker(pickle.loads(job), str(tmp_path)))
            try:
                done = worker(table)
            except Died:
                there[number % 2] = Worker(pickle.loads(job), str(tmp_path))
                done = there[number % 2](table)
            result = pickle.loads(done["result"][0].as_py())
            if isinstance(result, UserError):
                raise result
            yield result

    monkeypatch.chdir(tmp_path)  # where workers go; the tests that follow get their folder back
    monkeypatch.setattr(runner, "spread", spread)
    monkeypatch.setattr(runner, "connect", lambda keys, folder: Room(2, 1, 0))


@pytest.fixture
def keys(brief_model):
    """Rows enough for two workers, twins among them, whose closed-book calls are those of their siblings."""
    return [
        *(f"--model_name_or_path={brief_model}", "--judge=tournament", "--max_train_questions=6", "--train_twins=3"),
        *(
            "--max_train_unanswerable=0",
            "--passages_per_question=1",
            "--rag_candidates=2",
            "--closed_book_candidates=1",
        ),
        *("--refusal_candidates=1", "--max_candidate_tokens=6", "--max_abstain_share=1", "--window=2"),
        *("--max_test_questions=3", "--max_test_unanswerable=0", "--test_twins=1", "--max_answer_tokens=4"),
        *("--on_policy_rows=2", "--adapters", f"copy={brief_model}"),
    ]


def replies(path):
    """The rows of a file; a likelihood differs in its last digits with the batch in which it is computed."""
    rows = map(json.loads, path.read_text().splitlines())
    return [
        row | {"signals": [(name, pytest.approx(value, rel=1e-4)) for name, value in row["signals"]]} for row in rows
    ]


def test_the_files_are_those_of_one_process_and_a_dead_worker_costs_one_call(paid, workers, keys, tmp_path, capsys):
    one, many = tmp_path / "one", tmp_path / "many"
    for verb in ("demonstrate", "evaluate"):
        assert main([verb, f"--output_dir={one}", *keys]) == 0, capsys.readouterr().err
    alone = Counter(paid.keys)
    paid.keys.clear()
    paid.dies_at = 9
    for verb in ("demonstrate", "evaluate"):
        assert main([verb, f"--output_dir={many}", "--runner=ray", *keys]) == 0, capsys.readouterr().err
    assert [name for name in FILES if (one / name).read_bytes() != (many / name).read_bytes()] == []
    for name in REPLIES:
        assert replies(one / name) == replies(many / name)
    made = Counter(paid.keys)
    assert made.keys() == alone.keys() == {call[0] for call in CallFiles(str(many / "ledgers"))}
    assert made.total() == alone.total() + 1, "the call at which the worker died"
    there, here = (json.loads((run / "demonstrations/manifest.json").read_text()) for run in (many, one))
    assert (there["on_policy"], there["judge"], there["model"]) == (here["on_policy"], here["judge"], here["model"])
    assert there["usage"]["calls"] == 0 and there["reused"]["calls"] == here["usage"]["calls"]
    for verb in ("demonstrate", "evaluate"):
        assert main([verb, f"--output_dir={many}", "--runner=ray", *keys]) == 0
    assert len(paid.keys) == made.total(), "all were in the ledgers"


def test_calls_of_the_run_before_it_had_workers_are_not_made_again(paid, workers, keys, tmp_path):
    run = f"--output_dir={tmp_path / 'run'}"
    assert main(["demonstrate", run, *keys]) == 0
    made = len(paid.keys)
    assert main(["demonstrate", run, "--runner=ray", *keys]) == 0
    assert len(paid.keys) == made


def test_a_worker_without_the_same_weights_is_refused(workers, keys, tmp_path, capsys, monkeypatch):
    from hf_selfdemo.verbs.cluster import answering

    hashes = iter(["here", "there"])
    monkeypatch.setattr(answering, "weights_hash", lambda folder: next(hashes))
    assert main(["evaluate", f"--output_dir={tmp_path / 'run'}", "--runner=ray", *keys]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert "a worker on " in line and "is missing or differs from the one on the machine" in line


def test_a_shard_of_a_cluster_is_refused(workers, keys, tmp_path, capsys):
    run = f"--output_dir={tmp_path / 'run'}"
    assert main(["demonstrate", run, "--runner=ray", "--shard=0/2", *keys]) == 2
    assert "runner is ray, but shard is set: leave shard out" in capsys.readouterr().err


def test_workers_search_as_one_process_does(tmp_path):
    """The corpus is that of the drawn questions, as it is in one process."""
    names = [f"{kind} {number}" for number in range(150) for kind in ("Mount", "Lake")]
    rows = [
        {"id": name, "question": f"How high is {name}?", "answers": [f"{len(name) + place} feet"]}
        | {"passages": [{"title": name, "text": f"{name} is {len(name) + place} feet high."}]}
        for place, name in enumerate(names)
    ]
    (tmp_path / "q.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    recipe = parse(
        [
            *(f"--output_dir={tmp_path / 'run'}", "--train_questions", f"{tmp_path / 'q.jsonl'}", "--train_twins=20"),
            *("--train_corpus=questions", "--columns", "passages=passages", "--max_train_questions=280"),
        ]
    )
    seen = []

    def elsewhere(find, lists):
        search = pickle.loads(pickle.dumps(Search(recipe, "train", find))).open()
        for some in lists:
            seen.append(len(some))
            yield search(some)

    here, there = recipe_evidence(recipe, "train"), recipe_evidence(recipe, "train", elsewhere)
    assert seen == [256, 24] * 2, "questions, then their twins"
    assert list(here[0]) == list(there[0]) and here[1] == there[1] and len(here[0]) == 300
