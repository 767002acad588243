"""The app as a Space: a folder that starts by itself, with nothing of this machine in it."""

import gzip
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import yaml

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_json
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question, Usage
from hf_selfdemo.data.questions import read_passages
from hf_selfdemo.data.rows import evidence_row
from hf_selfdemo.evaluation.evaluated import Evaluation, write_manifest, write_predictions, write_rows
from hf_selfdemo.hub.inspection import inspect_artefact
from hf_selfdemo.hub.space import space_artefact
from hf_selfdemo.recipe.keys import make_recipe

ROWS = [
    Evidence(
        Question(f"q{i}", f"Who built tower {i}?", (f"Builder{i}",)), (Passage(f"p{i}", f"Builder{i} did."),), True
    )
    for i in range(3)
]
DATA = {
    "test_questions": ["embedded"],
    "test_corpus": "embedded",
    "test_split": "test",
    "retriever": "bm25",
    "passages_per_question": 2,
    "max_passage_words": 30,
}


@pytest.fixture
def run(tmp_path, model):
    """A finished run over a model of the Hub, with an adapter and with this machine's paths in its manifests."""
    from peft import LoraConfig, get_peft_model

    folder = tmp_path / "run"
    made = folder / "demonstrations"
    lines = [json.dumps(evidence_row(row) | {"skipped": "nothing right"}) for row in ROWS]
    made.mkdir(parents=True)
    (made / "candidates.jsonl").write_text("\n".join(lines), encoding="utf-8")
    (made / "skipped.jsonl").write_text(json.dumps({"id": "q0", "reason": "nothing right", "detail": "no"}))
    about = {"model": {"name": "me/tiny", "path": str(tmp_path)}, "selection": {"judge": "answer_match"}}
    write_json(made / "manifest.json", about)
    evaluation = folder / "evaluation"
    write_rows(evaluation, ROWS)
    for name in ("base", "tuned"):
        said = [Prediction(row.id, "rag", f"{name}.", "incorrect", True, True) for row in ROWS]
        write_predictions(evaluation, name, "rag", said)
    by_column = {
        "models": {"base": "", "tuned": str(folder / "model")},
        "judges": {name: {"name": "answer_match", "code": "c"} for name in ("base", "tuned")},
        "usage": {name: asdict(Usage()) for name in ("base", "tuned")},
        "reused": {},
        "training": {"tuned": {"start_from": str(tmp_path)}},
    }
    settings = {"base": "b", "max_answer_tokens": 5}
    about = {"title": "me/tiny: 3 test rows", "base_model": "me/tiny", "settings": settings, "data": DATA, "recall": {}}
    write_manifest(evaluation, ["rag"], by_column, about)
    adapter = get_peft_model(model, LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False))
    adapter.peft_config["default"].base_model_name_or_path = "me/tiny"
    adapter.save_pretrained(folder / "model")
    return folder


def recipe_of(artefact):
    return yaml.safe_load(artefact.files["recipe.yaml"])


def laid_out(artefact, folder):
    for name, file in artefact.files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(file, Path):
            shutil.copy(file, path)
        else:
            path.write_text(file, encoding="utf-8")
    return folder


def test_a_space_holds_what_the_page_reads_and_nothing_of_this_machine(run):
    artefact = space_artefact(run, "me/look")
    assert (artefact.kind, artefact.repo_type, artefact.space_sdk) == ("app", "space", "gradio")
    assert set(artefact.files) == {
        *("README.md", "app.py", "requirements.txt", "recipe.yaml"),
        *(f"run/demonstrations/{name}" for name in ("candidates.jsonl", "skipped.jsonl", "manifest.json")),
        *(f"run/evaluation/{name}" for name in ("rows.jsonl", "manifest.json")),
        *(f"run/evaluation/predictions/{name}.rag.jsonl" for name in ("base", "tuned")),
        *(f"run/model/{name}" for name in ("adapter_config.json", "adapter_model.safetensors")),
    }
    assert inspect_artefact(artefact) == []
    texts = [file for file in artefact.files.values() if isinstance(file, str)]
    assert len(texts) > 5 and not any(str(run.parent) in text for text in texts)


def test_the_recipe_asks_as_the_run_did(run):
    assert recipe_of(space_artefact(run, "me/look")) == {
        "output_dir": "run",
        "model_name_or_path": "me/tiny",
        "test_corpus": "embedded",
        "app_host": "0.0.0.0",
        "retriever": "bm25",
        "passages_per_question": 2,
        "max_passage_words": 30,
        "test_split": "test",
        "max_answer_tokens": 5,
        "adapters": ["tuned=run/model"],
    }


def test_models_of_retrieval_go_by_their_hub_ids_with_the_extra_that_loads_them(run):
    models = {"retriever": "hybrid", "retriever_model": "me/encoder", "reranker": "me/reranker", "rerank_depth": 20}
    artefact = space_artefact(run, "me/look", data=DATA | models)
    assert models.items() <= recipe_of(artefact).items()
    assert artefact.files["requirements.txt"] == "hf-selfdemo[app,dense]\n"


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"retriever_model": "/models/mine"}, "the Space cannot load the retrieval model '/models/mine': push it"),
        ({"reranker": "./mine"}, "the Space cannot load the retrieval model './mine'"),
        ({"retriever": "my_search:make"}, "retriever 'my_search:make' is your own code, which a Space does not have"),
        ({"method": "mine:METHOD"}, "method 'mine:METHOD' is your own code, which a Space does not have"),
    ],
)
def test_what_only_this_machine_searches_with_is_refused(run, keys, words):
    with pytest.raises(UserError, match=words):
        space_artefact(run, "me/look", data=DATA | keys)


def test_the_card_says_what_it_is_and_how_it_is_started(run):
    card = space_artefact(run, "me/look", adapter="me/tuned").files["README.md"]
    front = yaml.safe_load(card.split("---\n")[1])
    assert (front["sdk"], front["app_file"], front["license"]) == ("gradio", "app.py", "apache-2.0")
    assert front["models"] == ["me/tiny", "me/tuned"] and front["title"] == "look"
    assert "python app.py" in card and "`me/tiny`" in card


def test_a_pushed_adapter_is_named_and_not_copied(run):
    artefact = space_artefact(run, "me/look", adapter="me/tuned")
    assert recipe_of(artefact)["adapters"] == ["tuned=me/tuned"]
    assert not any("model/" in name for name in artefact.files)


def test_the_evaluation_can_still_be_read(run, tmp_path):
    folder = laid_out(space_artefact(run, "me/look"), tmp_path / "space")
    evaluation = Evaluation(folder / "run/evaluation")
    assert list(evaluation.evidence.values()) == ROWS
    assert [p.text for p in evaluation.column("tuned").predictions["rag"]] == ["tuned."] * 3


@pytest.mark.parametrize("kind", ["file", "packed", "questions", "folder", "hub", "given"])
def test_a_corpus_goes_along_unless_others_can_read_it_where_it_is(run, tmp_path, kind):
    lines = [{"id": "a", "title": "T", "text": "One passage."}, {"id": "b", "title": "", "text": "Another."}]
    source = {"hub": "me/corpus", "questions": "questions", "given": "questions"}.get(kind, str(tmp_path / "c.jsonl"))
    (tmp_path / "c.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if kind == "packed":
        source = str(tmp_path / "c.jsonl.gz")
        lines = [line | {"reviewer": "ada@example.org"} for line in lines]
        with gzip.open(source, "wt", encoding="utf-8") as file:
            file.write("".join(json.dumps(line) + "\n" for line in lines))
    if kind == "folder":
        from datasets import Dataset

        source = str(tmp_path / "saved")
        Dataset.from_list(lines).save_to_disk(source)
    data = {**DATA, "test_corpus": source, "retriever": "given" if kind == "given" else "bm25"}
    artefact = space_artefact(run, "me/look", data=data, license="mit")
    named = recipe_of(artefact)["test_corpus"]
    folder = laid_out(artefact, tmp_path / "space")
    if kind in ("hub", "given"):
        assert named == ("me/corpus" if kind == "hub" else "embedded")
        assert not [path for path in folder.iterdir() if path.name.startswith("corpus")]
    else:
        found = read_passages(str(folder / named))
        assert named == "corpus.jsonl" and "reviewer" not in (folder / named).read_text()
        assert [p.id for p in found] == (["p0", "p1", "p2"] if kind == "questions" else ["a", "b"])


def test_a_secret_in_a_packed_corpus_is_found(run, tmp_path):
    source = tmp_path / "c.jsonl.gz"
    with gzip.open(source, "wt", encoding="utf-8") as file:
        file.write(json.dumps({"id": "a", "text": "My key is hf_" + "aB7" * 12}) + "\n")
    artefact = space_artefact(run, "me/look", data={**DATA, "test_corpus": str(source)}, license="mit")
    [line] = inspect_artefact(artefact)
    assert line.startswith("corpus.jsonl, row 1, text, contains a Hugging Face token")


def test_only_demonstrations_are_enough(run):
    shutil.rmtree(run / "evaluation")
    shutil.rmtree(run / "model")
    artefact = space_artefact(run, "me/look", data=DATA)
    assert "run/demonstrations/candidates.jsonl" in artefact.files and "adapters" not in recipe_of(artefact)


def test_mistakes_end_in_one_line(run, tmp_path):
    with pytest.raises(UserError, match="contains neither demonstrations nor an evaluation"):
        space_artefact(tmp_path / "nothing", "me/look")
    with pytest.raises(UserError, match="write it as owner/name"):
        space_artefact(run, "look")
    with pytest.raises(UserError, match="licence"):
        space_artefact(run, "me/look", data={**DATA, "test_corpus": "me/corpus"})
    config = run / "model" / "adapter_config.json"
    write_json(config, read_json(config) | {"base_model_name_or_path": str(tmp_path)})
    with pytest.raises(UserError, match="set hub_base_model"):
        space_artefact(run, "me/look")
    card = space_artefact(run, "me/look", base_model="me/tiny").files["run/model/adapter_config.json"]
    assert json.loads(card)["base_model_name_or_path"] == "me/tiny"


def test_the_folder_starts_by_itself_and_answers_with_both_models(run, tmp_path, model_folder):
    """The base is found in a folder of its Hub id's name, as no test may reach the network."""
    client = pytest.importorskip("gradio_client", reason="the extra `app` is not installed")
    folder = laid_out(space_artefact(run, "me/look"), tmp_path / "space")
    shutil.copytree(model_folder, folder / "me/tiny")
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    command = [sys.executable, str(folder / "app.py"), "--app_host=127.0.0.1", f"--app_port={port}"]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores interrupts
    with (tmp_path / "log").open("w") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path, stdout=log, stderr=log, env={**os.environ, "HF_HUB_OFFLINE": "1"}
        )
    signal.signal(signal.SIGINT, before)
    try:
        url = f"http://127.0.0.1:{port}/"
        page = until_it_answers(url, server, tmp_path / "log")
        assert "me/tiny" in page
        asked = client.Client(url, verbose=False)
        html = asked.predict("Who discovered germanium?", "corpus", 2, "", "", api_name="/ask")
        assert html.count('class="side"') == 2 and "tokens read" in html and html.count("<li") == 2
        rows, told = asked.predict("", "", "", "", api_name="/demonstrations")
        assert rows.count("<details") == 3 and "1 to 3 of 3" in told
    finally:
        server.send_signal(signal.SIGINT)
        assert server.wait(30) == 0
    said = (tmp_path / "log").read_text()
    assert f"the app is at {url}" in said and said.strip().endswith("stopped") and "Traceback" not in said


def until_it_answers(url, server, log, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end and server.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            time.sleep(0.3)
    raise AssertionError(log.read_text())


def test_a_whole_model_goes_along_with_its_tokenizer(run, model_folder):
    shutil.rmtree(run / "model")
    shutil.copytree(model_folder, run / "model")
    artefact = space_artefact(run, "me/look")
    assert {"run/model/config.json", "run/model/tokenizer.json", "run/model/model.safetensors"} <= set(artefact.files)
    assert inspect_artefact(replace(artefact, files=dict(artefact.files))) == []


def test_a_space_asks_as_a_method_that_trains_nothing_does(run):
    keys = {"method": "active_rag", "view_tokens": 3, "reasoning_tokens": 2, "temperature": 0.0, "pick": "majority"}
    recipe = recipe_of(space_artefact(run, "me/look", method=keys))
    assert make_recipe(recipe).method.recipe_keys() == keys
