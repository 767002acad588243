"""`hf-selfdemo app`: which run, which models, which corpus; and what it says where something is missing."""

import importlib.util
import json

import pytest

pytest.importorskip("gradio", reason="the extra `app` is not installed")

from hf_selfdemo.verbs import app
from hf_selfdemo.verbs.app import recipe_page
from hf_selfdemo.verbs.cli import parse


@pytest.fixture
def recipe(tmp_path, model_folder):
    def make(*flags):
        (tmp_path / "run").mkdir(exist_ok=True)
        return parse([f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", *flags])

    return make


@pytest.fixture
def asking(monkeypatch):
    """What a recipe makes of its models and corpus, without the page."""
    from hf_selfdemo.app import page as page_module

    def made(recipe):
        caught = []
        monkeypatch.setattr(page_module, "page", lambda title, demonstrations, replies, asking: caught.append(asking))
        recipe_page(recipe)
        return caught[0]

    return made


def test_what_is_not_there_yet_is_said_in_its_place(recipe):
    made = recipe_page(recipe())
    texts = [str(block.get_config().get("value")) for block in made.blocks.values()]
    for remedy in ("run `hf-selfdemo demonstrate` first", "run `hf-selfdemo evaluate` first"):
        assert sum(remedy in text for text in texts) == 1


def test_without_a_run_there_is_no_page(refused, tmp_path):
    assert "there is no run in" in refused("app", f"--output_dir={tmp_path / 'nowhere'}")


def test_without_gradio_the_extra_is_named(refused, recipe, tmp_path, monkeypatch):
    recipe()
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "gradio" else find(name, *rest)
    )
    assert "pip install 'hf-selfdemo[app]'" in refused("app", f"--output_dir={tmp_path / 'run'}")


def test_a_port_of_the_wrong_kind_is_refused(refused, tmp_path):
    assert refused("app", f"--output_dir={tmp_path}", "--app_port=many")


def test_the_corpus_of_the_test_questions_is_searched(recipe, asking, tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"id": f"p{i}", "text": f"tower {i} " * 30}) + "\n" for i in range(9)))
    found = asking(recipe(f"--test_corpus={corpus}", "--max_passage_words=4", "--passages_per_question=3"))
    [passage] = found.search("Where is tower 7?", 1)
    assert (passage.id, passage.text, found.passages) == ("p7", "tower 7 tower 7", 3)


def test_passages_that_came_with_the_questions_are_a_corpus_too(recipe, asking, tmp_path):
    rows = [
        {"id": f"q{i}", "question": f"Where is tower {i}?", "answers": ["x"], "ctxs": [f"tower {i}"]} for i in range(5)
    ]
    (tmp_path / "q.json").write_text(json.dumps(rows))
    flags = [f"--test_questions={tmp_path / 'q.json'}", "--preset=dpr", "--test_corpus=questions"]
    found = asking(recipe(*flags, f"--index_dir={tmp_path / 'index'}"))
    assert [p.text for p in found.search("tower 3", 1)] == ["tower 3"] and (tmp_path / "index" / "test").is_dir()


def test_given_passages_are_typed_in(recipe, asking):
    assert asking(recipe("--retriever=given")).can_search is False


def test_base_alone_is_asked_where_nothing_was_trained(recipe, asking):
    found = asking(recipe("--max_answer_tokens=3"))
    [(name, reply)] = found.ask("Where?", None)
    assert name == "base" and 0 < reply.usage.generated_tokens <= 3


def test_the_last_of_the_named_models_is_asked_beside_it(recipe, asking, tmp_path, model_folder):
    found = asking(recipe("--adapters", f"first={tmp_path}", f"whole={model_folder}", "--max_answer_tokens=3"))
    replies = dict(found.ask("Where?", None))
    assert list(replies) == ["base", "whole"] and replies["base"].text == replies["whole"].text


@pytest.mark.parametrize("pair", ["nothing", "base=x"])
def test_an_adapter_must_be_named(recipe, pair):
    from hf_selfdemo.core.errors import UserError

    with pytest.raises(UserError, match="is not a name=folder pair"):
        recipe_page(recipe("--adapters", pair))


def test_the_last_round_is_asked(recipe, tmp_path):
    rounds = tmp_path / "run" / "rounds"
    rounds.mkdir(parents=True)
    (rounds / "manifest.json").write_text(json.dumps({"result": 2}))
    assert app._tuned(recipe("--num_rounds=3")) == {"round_2": str(rounds / "2" / "model")}


def test_what_was_trained_in_the_run_is_asked(recipe, tmp_path):
    made = recipe()
    assert app._tuned(made) == {}
    (tmp_path / "run" / "model").mkdir()
    (tmp_path / "run" / "model" / "adapter_model.safetensors").touch()
    assert app._tuned(made) == {"tuned": str(tmp_path / "run" / "model")}


def test_a_method_that_trains_nothing_is_asked_beside_the_base_model_with_one_set_of_weights(
    recipe, asking, monkeypatch
):
    loaded = []
    real = app.in_process
    monkeypatch.setattr(app, "in_process", lambda *parts: loaded.append(1) or real(*parts))
    keys = ["--method=active_rag", "--view_tokens=2", "--reasoning_tokens=2", "--max_answer_tokens=2"]
    found = dict(asking(recipe(*keys)).ask("Where?", None))
    assert list(found) == ["base", "active_rag"] and loaded == [1]
    assert [told.usage.calls for told in found.values()] == [1, 1] and found["active_rag"].answer.trace
