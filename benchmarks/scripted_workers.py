"""A Ray cluster on this machine whose workers ask a script instead of a server, and a log of the calls they pay for."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hf_selfdemo.data.questions import read_passages, read_questions

SOURCE = Path(__file__).parents[1] / "src"

RECIPE = [
    *("--engine=server", "--server_url=http://scripted.invalid/v1", "--server_model=script", "--server_concurrency=1"),
    *("--retriever=given", "--columns", "passages=passages", "--passages_per_question=2", "--summarise=true"),
    *("--judge=tournament", "--max_abstain_share=1", "--on_policy_rows=0"),
]
"""The paper's candidates, summaries and tournament: at most 22 calls a question."""


def scripted(log: str = "", seconds: float = 0.0) -> Callable[[], None]:
    """A function that puts a script in the place of servers; a worker is sent it as code.

    Args:
        log: gets a line for each call: the process that made it, and the call's key. "" for none.
        seconds: that a call takes.
    """

    def install() -> None:
        import os
        import time

        import hf_selfdemo.generation.server as server
        from hf_selfdemo.core.types import Request
        from hf_selfdemo.generation.recorded import call_key
        from hf_selfdemo.generation.scripted import ScriptedGenerator

        def reply(request: Request) -> str:
            if request.choices:
                return request.choices[len(request.messages[0]["content"]) % len(request.choices)]
            number = sum(map(ord, request.id.split("/")[0]))
            if request.stage == "refusal" or number % 3 == 0:
                return "The passages do not say."
            return f"It is number {number + request.seed % 2}."

        class Script(ScriptedGenerator):
            def __init__(self, *, model: str, **_: object) -> None:
                super().__init__(reply)
                self.identity = f"server/{model}"

            def stream(self, requests):
                for place, said in super().stream(requests):
                    if log:
                        handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
                        os.write(handle, f"{os.getpid()} {call_key(self.identity, requests[place])}\n".encode())
                        os.close(handle)
                    time.sleep(seconds)
                    yield place, said

        server.ServerGenerator = Script

    return install


@contextmanager
def nodes(cpus: Sequence[int], install: Callable[[], None]) -> Iterator[None]:
    """Join a cluster of nodes with so many CPUs each, all on this machine.

    Args:
        cpus: of each node; the first is the head.
        install: is run in each worker process.
    """
    import ray
    from ray.cluster_utils import Cluster

    os.environ["PYTHONPATH"] = os.pathsep.join([str(SOURCE), *sys.path])
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    os.environ.setdefault("RAY_worker_niceness", "0")  # Ray's own 15 starves workers where anything else is running
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": cpus[0], "include_dashboard": False})
    try:
        for count in cpus[1:]:
            made.add_node(num_cpus=count)
        ray.init(made.address, runtime_env={"worker_process_setup_hook": install}, log_to_driver=False)
        yield
    finally:
        ray.shutdown()
        made.shutdown()


def write_questions(path: Path, count: int, seed: int = 0) -> None:
    """Questions with two passages each, made of the embedded ones: a name of its own makes each question new.

    Args:
        path: of the file.
        count: of the questions.
        seed: of the draw.
    """
    draw, passages = random.Random(seed), read_passages("embedded", "train")
    questions = [question for question in read_questions("embedded", "train") if question.answerable]
    with path.open("w", encoding="utf-8") as out:
        for number in range(count):
            one = questions[number % len(questions)]
            shown = [{"id": p.id, "title": p.title, "text": p.text} for p in draw.sample(passages, 2)]
            row = {"id": f"q{number}", "question": f"{one.text} ({number})", "answers": list(one.answers)}
            out.write(json.dumps(row | {"passages": shown}) + "\n")
