"""What a recipe says of retrievers, their models and rerankers is what searches, and runs are told apart by it."""

import json
import shutil
import sys

import numpy as np
import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.dataset_key import dataset_key
from hf_selfdemo.recipe.evidence import recipe_evidence, recipe_retriever
from hf_selfdemo.recipe.retriever import retrieval_settings
from hf_selfdemo.verbs.cli import parse

RIVERS = ["Danube", "Seine", "Rhine", "Elbe", "Tagus", "Po"]


@pytest.fixture
def recipe(tmp_path):
    """A recipe about rivers, with the flags that are given."""
    questions = [
        {"id": river, "question": f"Where is the river {river}?", "answers": [f"{river}land"], "gold": [river]}
        for river in RIVERS
    ]
    corpus = [{"id": river, "title": river, "text": f"The river {river} flows in {river}land."} for river in RIVERS]
    for name, rows in {"questions": questions, "corpus": corpus}.items():
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def make(*flags):
        sources = [f"--{part}_{name}={tmp_path / name}.jsonl" for part in ("train", "test") for name in NAMES]
        return parse([f"--output_dir={tmp_path / 'run'}", *sources, "--passages_per_question=2", *flags])

    return make


NAMES = ("questions", "corpus")


@pytest.fixture
def ways(encoder_folder, reranker_folder):
    """Flags of every way to search that takes a model."""
    encoder, reranker = f"--retriever_model={encoder_folder}", f"--reranker={reranker_folder}"
    return {
        "dense": ["--retriever=dense", encoder],
        "hybrid": ["--retriever=hybrid", encoder],
        "reranked": ["--retriever=bm25", reranker],
        "all": ["--retriever=hybrid", encoder, reranker, "--rerank_depth=3"],
    }


def same_inode_and_time(folder):
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("way", ["dense", "hybrid", "reranked", "all"])
def test_rows_twins_and_scores_come_the_same_again(recipe, ways, way):
    found, recall = recipe_evidence(recipe(*ways[way], "--train_twins=-1"), "train")
    rows = list(found)
    assert len(rows) > len(RIVERS) and all(len(row.passages) == 2 for row in rows) and "gold@1" in recall
    assert all(row.best_score == row.passages[0].score != 0 for row in rows), "the mix of signals takes it from here"
    assert not any(row.question.is_gold(p) for row in rows[6:] for p in row.passages)
    assert list(recipe_evidence(recipe(*ways[way], "--train_twins=-1"), "train")[0]) == rows


def test_dense_vectors_are_kept_in_the_run_and_parts_with_one_corpus_share_them(recipe, ways, tmp_path):
    recipe_evidence(recipe(*ways["dense"]), "train")
    [index] = (tmp_path / "run" / "index").iterdir()
    before = same_inode_and_time(index)
    recipe_evidence(recipe(*ways["dense"]), "test")
    assert [*(tmp_path / "run" / "index").iterdir()] == [index] and same_inode_and_time(index) == before


def test_another_model_prompt_or_corpus_has_an_index_of_its_own(recipe, ways, encoder_folder, tmp_path):
    other = shutil.copytree(encoder_folder, tmp_path / "other")
    weights = bytearray((other / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (other / "model.safetensors").write_bytes(weights)
    home = f"--index_dir={tmp_path / 'shared'}"
    dense = ["--retriever=dense", f"--retriever_model={other}"]
    for flags in (ways["dense"], dense, [*dense, "--retriever_passage_prompt=passage: "]):
        recipe_evidence(recipe(*flags, home), "train")
    recipe_evidence(recipe(*dense, home, "--max_passage_words=3", "--max_answers_cut=1"), "train")
    assert len([*(tmp_path / "shared").iterdir()]) == 4
    recipe_evidence(recipe(*dense, home, "--retriever_query_prompt=query: "), "train")
    assert len([*(tmp_path / "shared").iterdir()]) == 4, "no passage's vector depends on what stands before questions"


def test_prompts_stand_before_questions_and_passages(recipe, ways, tmp_path):
    def told(*flags):
        retriever = recipe_retriever(recipe(*ways["dense"], *flags), "train")
        return retriever.encoder.encode_questions(["Danube"])[0], retriever.embeddings[0]

    (question, passage), (asked, shown) = told(), told("--retriever_query_prompt=x ", "--retriever_passage_prompt=y ")
    [by_hand] = recipe_retriever(recipe(*ways["dense"]), "train").encoder.encode_questions(["x Danube"])
    assert np.allclose(asked, by_hand, atol=1e-6)
    assert not np.allclose(asked, question, atol=1e-3) and not np.allclose(shown, passage, atol=1e-3)


def test_hybrid_keeps_an_index_of_either_kind(recipe, ways, tmp_path):
    recipe_evidence(recipe(*ways["hybrid"], f"--index_dir={tmp_path / 'shared'}"), "train")
    names = sorted(path.name.partition("-")[0] for path in (tmp_path / "shared").iterdir())
    assert names == ["dense", "train"]


def test_datasets_are_told_apart_by_retriever_and_by_what_the_models_hold(recipe, ways, reranker_folder, tmp_path):
    other = shutil.copytree(reranker_folder, tmp_path / "other")
    (other / "config.json").write_text((other / "config.json").read_text() + "\n")
    flags = [[], *ways.values(), [*ways["all"], "--retriever_query_prompt=q"], [*ways["all"], "--rerank_depth=4"]]
    flags.append(["--retriever=bm25", f"--reranker={other}"])
    keys = [dataset_key(recipe(*more), "train", "weights") for more in flags]
    assert len(set(keys)) == len(keys)
    moved = shutil.copytree(reranker_folder, tmp_path / "elsewhere" / reranker_folder.name)
    again = dataset_key(recipe("--retriever=bm25", f"--reranker={moved}"), "train", "weights")
    assert again == keys[3], "the same files elsewhere are the same reranker"


def test_what_is_told_of_retrieval_names_only_what_is_used(recipe, ways, encoder_folder, reranker_folder):
    assert retrieval_settings(recipe(f"--retriever_model={encoder_folder}").retrieval) == {"retriever": "bm25"}
    told = retrieval_settings(recipe(*ways["all"]).retrieval)
    assert told.keys() == {"retriever", "retriever_model", "reranker", "rerank_depth"} and told["rerank_depth"] == 3
    assert told["reranker"].startswith(reranker_folder.name + " (")


def test_a_retriever_of_ones_own_by_its_path(recipe, tmp_path, monkeypatch):
    (tmp_path / "my_search.py").write_text(
        "class Backwards:\n"
        "    def __init__(self, passages):\n"
        "        self.passages = tuple(passages)[::-1]\n"
        "    def retrieve(self, questions, k):\n"
        "        return [self.passages[:k] for _ in questions]\n"
        "def nothing(passages):\n"
        "    return 'nothing'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    rows, _ = recipe_evidence(recipe("--retriever=my_search:Backwards"), "train")
    assert [p.id for p in rows[0].passages] == ["Po", "Tagus"]
    with pytest.raises(UserError, match="the retriever my_search:nothing is a str and has no retrieve"):
        recipe_evidence(recipe("--retriever=my_search:nothing"), "train")
    for path in ("my_search:Forwards", "no_such_module:X", ":x"):
        with pytest.raises(UserError, match=f"the retriever '{path}' cannot be imported .*PYTHONPATH"):
            recipe_evidence(recipe(f"--retriever={path}"), "train")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--retriever=dens"], "unknown retriever 'dens': did you mean 'dense'"),
        (["--retriever=dense", "--retriever_model=./nowhere"], "retriever_model './nowhere' is not a model folder"),
        (
            ["--retriever=dense", "--retriever_model=me/nowhere"],
            r"retriever_model 'me/nowhere' cannot be loaded \(offline",
        ),
        (["--retriever=dense", "--retriever_model=no id at all"], "retriever_model 'no id at all' cannot be loaded"),
        (["--reranker=me/nowhere"], r"reranker 'me/nowhere' cannot be loaded \(offline mode"),
        (["--rerank_depth=0"], "rerank_depth is 0: give 1 or more"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_key(recipe, flags, words):
    with pytest.raises(UserError, match=words):
        recipe_evidence(recipe(*flags), "train")


def test_a_reranker_that_is_not_there_is_refused_before_a_corpus_is_encoded(recipe, ways, tmp_path):
    with pytest.raises(UserError, match="reranker"):
        recipe_evidence(recipe(*ways["dense"], "--reranker=./nowhere"), "train")
    assert not (tmp_path / "run" / "index").exists()


def test_a_folder_without_a_model_is_refused(recipe, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="contains no model: give a folder that sentence-transformers saved"):
        recipe_evidence(recipe("--retriever=dense", f"--retriever_model={tmp_path / 'empty'}"), "train")


@pytest.mark.parametrize("flags", [["--retriever=dense"], ["--retriever=hybrid"], ["--reranker={}"]])
def test_without_sentence_transformers_the_extra_is_named(recipe, reranker_folder, monkeypatch, flags):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    flags = [flag.format(reranker_folder) for flag in flags]
    model = [] if "reranker" in flags[0] else [f"--retriever_model={reranker_folder}"]
    with pytest.raises(UserError, match=r"need sentence-transformers: pip install 'hf-selfdemo\[dense\]'"):
        recipe_evidence(recipe(*flags, *model), "train")


def test_a_model_of_the_hub_is_known_by_its_commit(recipe, encoder_folder, tmp_path, monkeypatch):
    """As it was downloaded before; the machine is offline."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    stored = tmp_path / "hub" / "models--me--encoder"
    shutil.copytree(encoder_folder, stored / "snapshots" / ("c0ffee" + "0" * 34))
    (stored / "refs").mkdir()
    (stored / "refs" / "main").write_text("c0ffee" + "0" * 34)
    told = retrieval_settings(recipe("--retriever=dense", "--retriever_model=me/encoder").retrieval)
    assert told["retriever_model"] == "me/encoder (c0ffee000000)"
