"""`evaluate` with `served`: models that a server has are asked there, and are not loaded here."""

import json
import re
import shutil

import pytest
from chat_servers import MockServer, ServedModel

from hf_selfdemo.evaluation.evaluated import Evaluation
from hf_selfdemo.generation.tuned import POINT_FILE, weights_hash
from hf_selfdemo.methods.answering import PromptAnswerer, single_prompt
from hf_selfdemo.methods.at_point import write_point
from hf_selfdemo.methods.openings import with_signals
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import REFUSAL, Aim, OperatingPoint
from hf_selfdemo.verbs import app
from hf_selfdemo.verbs.cli import main
from hf_selfdemo.verbs.networks import Networks

QUESTIONS = 60


@pytest.fixture
def server():
    """Knows every second answer, and is sure of what it knows."""
    made = MockServer()

    def answer(body):
        number = int(re.search(r"Question: Who built hall (\d+)\?", made.question(body))[1])
        completion = made.completion(f"Ada{number}" if number % 2 else "Bob")
        token = {"token": "x", "bytes": None, "top_logprobs": [], "logprob": -0.1 if number % 2 else -2.0}
        if body.get("logprobs"):
            completion["choices"][0]["logprobs"] = {"content": [token, token]}
        return completion

    made.answer = answer
    yield made
    made.close()


@pytest.fixture
def rows(tmp_path):
    """Flags of test and dev questions that come with a passage."""
    lines = [
        {
            "id": str(i),
            "question": f"Who built hall {i}?",
            "answers": [f"Ada{i}"],
            "passages": [f"Ada{i} built hall {i}."],
        }
        for i in range(QUESTIONS)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return [
        *(f"--{part}_questions={path}" for part in ("train", "test", "dev")),
        "--retriever=given",
        "--columns=passages=passages",
    ]


@pytest.fixture
def served(gold, rows, server, model_folder, tmp_path):
    """A recipe with a model in a folder, which the server has under the name `hall`."""
    shutil.copytree(model_folder, tmp_path / "copy")
    own = [flag for flag in gold if not flag.startswith("--max_test")]
    return [*own, *rows, f"--adapters=copy={tmp_path / 'copy'}", f"--server_url={server.url}", "--served=copy=hall"]


def few(flags):
    return [*flags, "--max_test_questions=4"]


def test_a_served_model_is_asked_under_its_prompt_and_not_loaded(served, server, manifest, tmp_path, monkeypatch):
    loaded = []
    usual = Networks._loaded
    monkeypatch.setattr(Networks, "_loaded", lambda self, folder: loaded.append(folder) or usual(self, folder))
    assert main(["evaluate", *few(served)]) == 0
    assert set(loaded) == {None}, "the base model alone"
    evaluation = Evaluation(tmp_path / "run/evaluation")
    replies, rows = evaluation.column("copy").predictions["rag"], list(evaluation.evidence.rows)
    assert [one.label for one in replies] == ["correct" if int(row.id) % 2 else "incorrect" for row in rows]
    assert [dict(one.signals)["logprob"] for one in replies] == [-0.1 if int(row.id) % 2 else -2.0 for row in rows]
    prompts = [list(single_prompt(row.question.text, row.passages)) for row in rows]
    assert sorted(map(str, prompts)) == sorted(str(body["messages"]) for body in server.bodies)
    assert {(body["model"], body["temperature"], body["max_tokens"]) for body in server.bodies} == {("hall", 0.0, 4)}
    told = manifest("evaluation")
    assert told["served"] == {"copy": "hall"} and told["weights"] == {"copy": weights_hash(tmp_path / "copy")}
    assert told["usage"]["copy"]["calls"] == len(server.bodies) == 4
    report = (tmp_path / "run/evaluation/report.html").read_text()
    assert "<summary>served</summary>" in report and '<dd dir="auto">hall</dd>' in report
    assert main(["evaluate", *few(served)]) == 0 and len(server.bodies) == 4, "no call is made twice"


def test_replies_of_other_weights_under_the_same_name_are_not_reused(served, server, tmp_path):
    assert main(["evaluate", *few(served)]) == 0
    (tmp_path / "copy/manifest.json").write_text("{}")
    weights = tmp_path / "copy/model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    assert main(["evaluate", *few(served)]) == 0 and len(server.bodies) == 8


def test_a_served_base_model_is_asked_there_too_and_judges(served, server, manifest, monkeypatch):
    monkeypatch.setattr(Networks, "_loaded", lambda self, folder: pytest.fail("loaded"))
    usual = server.answer
    server.answer = lambda body: server.completion('{"choice": "A"}') if body.get("response_format") else usual(body)
    both = [*few(served), "--served", "copy=hall", "base=hall_base"]
    assert main(["evaluate", *both]) == 0
    assert {body["model"] for body in server.bodies} == {"hall", "hall_base"}
    assert manifest("evaluation")["served"] == {"base": "hall_base", "copy": "hall"}
    assert main(["evaluate", *both, "--evaluate_judge=llm_label"]) == 0
    judge = manifest("evaluation")["judges"]["copy"]
    assert judge["name"] == "llm_label" and judge["model"].startswith("server/hall_base/")
    assert {body["model"] for body in server.bodies if body.get("response_format")} == {"hall_base"}


def test_it_is_told_when_replies_of_this_process_are_replaced_by_those_of_a_server(served, said):
    here = [flag for flag in few(served) if not flag.startswith("--served")]
    assert "replaced" not in said("evaluate", *here)
    assert "the replies of 'copy' in" in (told := said("evaluate", *few(served)))
    assert "are replaced: it is now asked at a server, as hall" in told and "of 'base'" not in told
    assert "are replaced: it is now asked in this process" in said("evaluate", *here)


def test_a_point_is_chosen_on_the_replies_of_a_server_and_applied_there(served, server, manifest, said, tmp_path):
    assert main(["evaluate", *served, "--evaluate_on=dev"]) == 0
    point = ["--operating_target=hallucination", "--operating_limit=0.15"]
    assert main(["operating_point", *served, "--server_url=", *point]) == 0, "no server is asked"
    kept = json.loads((tmp_path / "copy" / POINT_FILE).read_text())
    assert list(kept["point"]["mix"]["weights"]) == ["logprob"] and kept["signals"] == {
        "openings": [],
        "withheld": False,
    }
    calls = len(server.bodies)
    said("evaluate", *served)
    assert manifest("evaluation")["served"] == {"copy": "hall", "copy_at_point": "hall"}
    assert len(server.bodies) == calls == QUESTIONS, "dev and test questions are the same here"
    column = Evaluation(tmp_path / "run/evaluation").column("copy_at_point").predictions["rag"]
    labels = ["correct" if int(one.id) % 2 else "abstain" for one in column]
    assert [one.label for one in column] == labels and {one.text for one in column if one.label == "abstain"} == {
        REFUSAL
    }


def test_a_point_that_counts_on_what_servers_do_not_tell_is_left_out_and_told(served, manifest, said, tmp_path):
    point = OperatingPoint(Aim("f_score"), Mix((("logprob", 1.0), ("refusal", -2.0)), 0.0), 0.5, ())
    write_point(tmp_path / "copy", point, with_signals(PromptAnswerer(4)), 4, {})
    told = said("evaluate", *few(served))
    assert "column 'copy_at_point' is left out" in told and "signal 'refusal', which servers do not return" in told
    assert "choose a point on the server's replies" in told
    assert list(manifest("evaluation")["judges"]) == ["base", "copy"]


@pytest.mark.parametrize(
    ("more", "complaint"),
    [
        (["--served=copy"], "served: 'copy' is not a name=MODEL pair: write e.g. tuned=runs/mine/merged"),
        (["--served=tuned=hall"], "served: there is no model 'tuned': choose one of base, copy"),
        (["--choice_questions=embedded"], "'copy' is on a server, which does not return the likelihood of a text"),
        (["--server_url=hall"], "server_url is not a plain http address"),
        (["--served=copy=hall", "--server_url="], "served is set, but server_url is not: add server_url"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_any_call(served, server, refused, more, complaint):
    assert complaint in refused("evaluate", *few(served), *more)
    assert server.bodies == []


def test_a_real_server_gives_the_replies_of_the_model_that_it_has(gold, model_folder, tmp_path):
    shutil.copytree(model_folder, tmp_path / "copy")
    adapters = ["--adapters", f"here={tmp_path / 'copy'}", f"there={tmp_path / 'copy'}"]
    server = ServedModel(str(tmp_path / "copy"), tmp_path / "log.txt")
    try:
        server.wait()
        flags = [
            *adapters,
            f"--server_url={server.url}",
            f"--served=there={tmp_path / 'copy'}",
            "--server_concurrency=2",
        ]
        assert main(["evaluate", *gold, *flags]) == 0
    finally:
        server.kill()
    evaluation = Evaluation(tmp_path / "run/evaluation")
    here, there = ([one.text for one in evaluation.column(name).predictions["rag"]] for name in ("here", "there"))
    assert here == there and all(here)


def test_a_question_is_asked_on_the_server(served, server, tmp_path, capsys, monkeypatch, refused):
    monkeypatch.setattr(app, "in_process", lambda *parts: pytest.fail("a model was loaded"))
    (tmp_path / "run").mkdir()
    asking = [*served, "--evaluate_modes", "closed_book", "--question=Question: Who built hall 7?"]
    assert main(["ask", *asking]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "Ada7"
    [body] = server.bodies
    assert body["model"] == "hall" and body["max_tokens"] == 4
    assert "served is set, but server_url is not" in refused("ask", *asking, "--server_url=")
