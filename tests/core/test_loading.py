"""A name in a table becomes a class; a misspelt one is answered with the near match."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean, did_you_mean_file, load
from hf_selfdemo.data.retrieval import RETRIEVERS
from hf_selfdemo.judging import JUDGES
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.method import Method
from hf_selfdemo.verbs.cli import main

TABLES = {
    "judge": JUDGES,
    "retriever": RETRIEVERS,
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in TABLES.items() for name in table])
def test_every_entry_leads_to_its_class(kind, name):
    entry = TABLES[kind][name]
    found = load(kind, name, TABLES[kind])
    assert isinstance(found, type)
    assert f"{found.__module__}:{found.__name__}" == entry


@pytest.mark.parametrize("name", METHODS)
def test_every_method_is_one(name):
    assert isinstance(load("method", name, METHODS), Method)


@pytest.mark.parametrize(
    ("name", "words"),
    [("bm52", "did you mean 'bm25'"), ("Given", "did you mean 'given'"), ("dpr", "use one of bm25, given")],
)
def test_an_unknown_name_gets_a_remedy(name, words):
    with pytest.raises(UserError, match=f"unknown retriever '{name}': {words}"):
        load("retriever", name, {"given": "no.such.module:X", "bm25": "no.such.module:Y"})


@pytest.mark.parametrize(
    ("word", "known", "remedy"),
    [
        ("lora_rank", ["lora_r", "seed"], "did you mean 'lora_r'?"),
        ("zzz", ["b", "a"], "use one of a, b"),
        ("answer", ["answers", "question"], "did you mean 'answers'?"),
    ],
)
def test_did_you_mean(word, known, remedy):
    assert did_you_mean(word, known) == remedy


def test_a_mistyped_path_gets_the_nearest_that_is_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data/questions.jsonl").touch()
    for written in ("data/questoins.jsonl", "dta/questions.jsonl", "daat/question.jsonl", "./data/questions.json"):
        assert did_you_mean_file(written, "no") == "did you mean 'data/questions.jsonl'?", written
    whole = str(tmp_path / "data/questions.jsonl")
    assert did_you_mean_file(whole.replace("stions", "stoins"), "no") == f"did you mean {whole!r}?"
    for far in ("data/corpus.jsonl", "elsewhere/questions.jsonl", "data/questions.jsonl", "data/questions.jsonl/x", ""):
        assert did_you_mean_file(far, "no") == "no", far


KEYS_OF_PATHS = {
    "train_questions": "mine.jsonl",
    "test_corpus": "mine.jsonl",
    "model_name_or_path": "./mine_model",
    "chat_template_path": "mine.jinja",
    "choice_questions": "mine.jsonl",
}


@pytest.mark.parametrize("key", KEYS_OF_PATHS)
def test_a_mistyped_path_in_a_recipe_is_met_with_the_one_that_is_there(key, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("mine.jsonl", "mine.jinja", "r.yaml"):
        (tmp_path / name).touch()
    (tmp_path / "mine_model").mkdir()
    flags = [f"--{part}_{what}=embedded" for part in ("train", "test") for what in ("questions", "corpus")]
    flags += ["--output_dir=run", "--method=ra_it", f"--{key}={KEYS_OF_PATHS[key].replace('mi', 'mii')}"]
    verb = "evaluate" if key in ("test_corpus", "choice_questions") else "plan"
    assert main([verb, *flags]) == 2
    right = KEYS_OF_PATHS[key].removeprefix("./")
    assert f"did you mean {right!r}?" in capsys.readouterr().err
    assert main([verb, "--config", "rr.yaml"]) == 2
    assert "did you mean 'r.yaml'?" in capsys.readouterr().err
