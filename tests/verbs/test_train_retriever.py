"""`objective: retriever` from `run` to a folder that searches, and what it refuses before anything is paid."""

import json
import shutil

import pytest
from datasets import load_dataset

from hf_selfdemo.core.manifest import read_json, write_checked_json
from hf_selfdemo.core.types import Question
from hf_selfdemo.data.questions import read_passages
from hf_selfdemo.data.retrieval.dense import DenseRetriever
from hf_selfdemo.generation.models import load_model, resolve_model
from hf_selfdemo.generation.representations import with_adapter
from hf_selfdemo.methods.method import recorded_method
from hf_selfdemo.verbs.cli import main

SMALL = [
    *("--method=invar_rag", "--passages_per_question=4", "--max_train_questions=4", "--max_train_unanswerable=1"),
    *("--max_steps=2", "--per_device_train_batch_size=2", "--lora_r=2", "--use_cpu", "--on_policy_rows=0"),
    "--logging_steps=1",
]


@pytest.fixture
def flags(model_folder, tmp_path):
    return [f"--output_dir={tmp_path / 'run'}", f"--model_name_or_path={model_folder}", *SMALL]


def test_run_trains_a_retriever_and_asks_nothing_twice(flags, manifest, tmp_path, capsys):
    assert main(["run", *flags]) == 0
    folder = tmp_path / "run/retriever"
    assert f"--retriever dense --retriever_model {folder}" in capsys.readouterr().err
    rows = load_dataset("parquet", data_files=str(tmp_path / "run/demonstrations/train.parquet"), split="train")
    assert {row["kind"] for row in rows} == {"ranked"}
    for row in rows:
        likelihoods = row["ranking"]["likelihoods"]
        assert len(likelihoods) == len(row["passages"]) == len(row["ranking"]["windows"]) and max(likelihoods) < 0
    assert manifest("demonstrations")["skipped"] == {"no accepted answer, or a twin": 1}
    told = manifest("retriever")
    assert told["rows_trained"] == len(rows) and told["settings"]["invariance_weight"] == 0.5
    assert {"contrast", "preference", "invariance", "num_tokens"} <= told["log"][0].keys()
    assert json.loads((folder / "adapter_config.json").read_text())["task_type"] == "FEATURE_EXTRACTION"
    assert recorded_method(folder).get("max_negatives") == 5
    assert not (tmp_path / "run/model").exists() and not (tmp_path / "run/evaluation").exists()
    assert main(["run", *flags]) == 0
    said = capsys.readouterr().err
    assert "retriever is trained already" in said and manifest("demonstrations")["usage"]["calls"] == 0
    for verb in ("train", "preflight"):
        assert main([verb, *flags, "--invariance_weight=0"]) == 2
        assert "belongs to another run: invariance_weight" in capsys.readouterr().err
    assert main(["preflight", *flags]) == 0
    assert "retriever is trained already (4 ranked lists)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("further", "said"),
    [
        (["--engine=server", "--server_url=http://127.0.0.1:9"], "likelihoods: false"),
        (["--use_peft=false"], "use_peft is false"),
        (["--load_in_4bit=true"], "quantised weights"),
        (["--num_rounds=2"], "one round"),
        (["--start_from=somewhere"], "leave start_from out"),
        (["--dev_questions", "embedded"], "eval_strategy"),
        (["--objective=sft"], "makes no data for it"),
        (["--passages_per_question=1"], "no question has both a candidate that contains the answer and one that"),
    ],
)
def test_what_a_retriever_is_not_trained_with_is_refused_before_anything_is_paid(
    flags, refused, further, said, tmp_path
):
    assert said in refused("run", *flags, *further)
    assert not (tmp_path / "run/ledger.sqlite").exists() and not (tmp_path / "run/demonstrations").exists()


@pytest.fixture
def trained(flags, tmp_path):
    """The folder of a trained retriever, and flags of a second run that searches with it."""
    without = [*flags, "--likelihoods=false", "--preference_weight=0"]
    assert main(["run", *without]) == 0
    folder = tmp_path / "run/retriever"
    return folder, ["--retriever=dense", f"--retriever_model={folder}"]


def test_a_second_run_answers_from_what_the_retriever_finds(trained, gold, model_folder, tmp_path, capsys):
    folder, dense = trained
    second = [flag for flag in gold if not flag.startswith("--output_dir")]
    run = ["run", *second, *dense, f"--output_dir={tmp_path / 'answers'}", "--max_steps=2"]
    assert main(run) == 0
    told = json.loads((tmp_path / "answers/demonstrations/manifest.json").read_text())
    assert told["retrieval"]["retriever"] == "dense"
    encoder = with_adapter(load_model(resolve_model(model_folder)), _tokenizer(model_folder), folder, "tiny")
    found = DenseRetriever(read_passages("embedded", "train"), encoder)
    rows = load_dataset("parquet", data_files=str(tmp_path / "answers/demonstrations/train.parquet"), split="train")
    for row in rows:
        expected = found.retrieve([Question(row["id"], row["question"])], 2)[0]
        assert [p["id"] for p in row["passages"]] == [p.id for p in expected]
    assert (tmp_path / "answers/model/adapter_model.safetensors").exists() and len(list(folder.parent.iterdir()))
    plain = [*second, f"--output_dir={tmp_path / 'plain'}", "--max_steps=2"]
    assert main(["run", *plain]) == 0
    capsys.readouterr()
    assert main(["evaluate", *plain, "--compare", "tuned", f"invar={tmp_path / 'answers'}"]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "tuned and invar differ in" in said and "retriever (bm25 and dense)" in said and "passages (of" in said


def test_folders_that_cannot_search_are_refused_by_name(trained, gold, refused, model_folder, tmp_path):
    folder, dense = trained
    asked = ["demonstrate", *gold, *dense]

    def elsewhere(name, *without):
        copy = tmp_path / name
        shutil.copytree(folder, copy)
        for file in without:
            (copy / file).unlink()
        return copy

    def line(copy):
        return refused("demonstrate", *gold, "--retriever=dense", f"--retriever_model={copy}")

    other = tmp_path / "other_model"
    shutil.copytree(model_folder, other)
    (other / "generation_config.json").write_text("{}")
    told = refused(*[flag.replace(model_folder, str(other)) for flag in asked])
    assert f"was trained on {model_folder}, not on this version of {other}: set model_name_or_path" in told
    assert "was not finished: run the same command again" in line(elsewhere("half", "manifest.json", "method.json"))
    assert "modules.json was changed since it was written" in line(elsewhere("torn", "modules.json"))
    damaged = elsewhere("damaged")
    (damaged / "adapter_model.safetensors").write_bytes(b"no")
    assert "adapter_model.safetensors was changed since it was written" in line(damaged)
    prompts = refused(*asked, "--retriever_query_prompt=query: ")
    assert "prompts of its own: leave retriever_query_prompt" in prompts
    answering = elsewhere("answering")
    manifest = read_json(answering / "manifest.json")
    manifest["settings"]["objective"] = "sft"
    write_checked_json(answering / "manifest.json", manifest)
    assert "was trained to answer questions, not to search: name a folder" in line(answering)
    assert not (tmp_path / "run/model").exists()


def _tokenizer(folder):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder)


def test_lists_without_likelihoods_train_only_without_preference(flags, refused, manifest, tmp_path):
    assert main(["demonstrate", *flags, "--likelihoods=false"]) == 0
    line = refused("train", *flags, "--likelihoods=false")
    assert "has 0 likelihoods for" in line and "preference_weight: 0" in line
    assert main(["train", *flags, "--likelihoods=false", "--preference_weight=0"]) == 0
    assert "preference" not in manifest("retriever")["log"][0]


def test_other_objectives_refuse_ranked_lists(flags, gold, refused, tmp_path):
    assert main(["demonstrate", *flags]) == 0
    (tmp_path / "other").mkdir()
    shutil.copytree(tmp_path / "run/demonstrations", tmp_path / "other/demonstrations")
    sft = [flag for flag in gold if not flag.startswith("--output_dir")]
    line = refused("train", *sft, f"--output_dir={tmp_path / 'other'}")
    assert "is a ranked list, not a text: train it with objective retriever" in line
