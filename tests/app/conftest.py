"""A small run that was made up, with texts that would like to be more than text, and its page being served."""

import socket
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from hf_selfdemo.core.types import Prediction, Usage
from hf_selfdemo.evaluation.evaluated import write_manifest, write_predictions, write_rows
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.demonstrations import demonstrate
from hf_selfdemo.methods.self_demo import Choosing, SelfDemo

from .made_run import HOSTILE, LABELS, rows, said


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """The folder of a run with demonstrations and an evaluation of two models."""
    folder = tmp_path_factory.mktemp("run")
    evidence = rows()
    strategy = SelfDemo(choosing=Choosing(abstain_when="not_in_context"))
    demonstrate(
        evidence,
        strategy,
        ScriptedGenerator(said),
        AnswerMatchJudge(),
        folder / "demonstrations",
    )
    evaluation = folder / "evaluation"
    write_rows(evaluation, evidence)
    for k, name in enumerate(("base", "tuned")):
        for mode in ("rag", "closed_book"):
            labels = [LABELS[(i * (k + 1) + (mode == "rag")) % 3] for i in range(len(evidence))]
            told = [
                Prediction(
                    row.id, mode, f"{name}: {label} {HOSTILE if i == 0 else ''}", label, True, row.answer_in_context
                )
                for i, (row, label) in enumerate(zip(evidence, labels, strict=True))
            ]
            write_predictions(evaluation, name, mode, told)
    by_column = {
        "models": {"base": "", "tuned": "model"},
        "judges": {name: {"name": "answer_match"} for name in ("base", "tuned")},
        "usage": {name: asdict(Usage(calls=3)) for name in ("base", "tuned")},
        "reused": {},
        "training": {},
    }
    about = {
        "title": "made/up: 24 test rows",
        "base_model": "made/up",
        "settings": {"max_answer_tokens": 7},
        "data": {"test_corpus": "embedded", "test_split": "test", "retriever": "bm25", "passages_per_question": 2},
        "recall": {},
    }
    write_manifest(evaluation, ["rag", "closed_book"], by_column, about)
    return folder


@pytest.fixture(scope="session")
def free_port():
    """A port that nobody listens on, a new one each time."""

    def find():
        with socket.socket() as one:
            one.bind(("127.0.0.1", 0))
            return one.getsockname()[1]

    return find


@pytest.fixture(scope="session")
def served(run, free_port):
    """The page of the run, served from this process; `loaded` counts how often a model was."""
    pytest.importorskip("gradio", reason="the extra `app` is not installed")
    from hf_selfdemo.app.asking import Asking
    from hf_selfdemo.app.demonstrations import Demonstrations
    from hf_selfdemo.app.page import page
    from hf_selfdemo.app.replies import Replies
    from hf_selfdemo.app.serving import serve
    from hf_selfdemo.data.questions import read_passages
    from hf_selfdemo.data.retrieval.bm25 import BM25Retriever

    loaded = []

    def model(name):
        def load():
            loaded.append(name)
            return ScriptedGenerator(lambda request: _answer(name, request.messages[-1]["content"]))

        return load

    models = {name: model(name) for name in ("base", "tuned")}
    asking = Asking(models, lambda: BM25Retriever(read_passages("embedded", "train")), 400, 3, 50)
    made = page(f"made/up {HOSTILE}", Demonstrations(run / "demonstrations"), Replies(run / "evaluation"), asking)
    yield SimpleNamespace(url=serve(made, port=free_port()), loaded=loaded, run=run)
    made.close(verbose=False)


def _answer(name, prompt):
    if "break" in prompt:
        raise RuntimeError("/a/path/of/this/machine is broken")
    if name == "base":
        return "I don't know."
    return f"Named after Poland. {HOSTILE}" if "hostile" in prompt else "It is named after Poland."
