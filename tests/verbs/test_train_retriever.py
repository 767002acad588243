"""`objective: retriever` from `run` to a folder that searches, and what it refuses before anything is paid."""

import json
import shutil

import pytest
from datasets import load_dataset

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
    assert main(["train", *flags, "--invariance_weight=0"]) == 2
    assert "holds another run: invariance_weight" in capsys.readouterr().err


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
        (["--passages_per_question=1"], "no question has a candidate that holds the answer beside one that does not"),
    ],
)
def test_what_a_retriever_is_not_trained_with_is_refused_before_anything_is_paid(
    flags, refused, further, said, tmp_path
):
    assert said in refused("run", *flags, *further)
    assert not (tmp_path / "run/ledger.sqlite").exists() and not (tmp_path / "run/demonstrations").exists()


def test_lists_without_likelihoods_train_only_without_preference(flags, refused, manifest, tmp_path):
    assert main(["demonstrate", *flags, "--likelihoods=false"]) == 0
    line = refused("train", *flags, "--likelihoods=false")
    assert "has 0 likelihoods of" in line and "preference_weight: 0" in line
    assert main(["train", *flags, "--likelihoods=false", "--preference_weight=0"]) == 0
    assert "preference" not in manifest("retriever")["log"][0]


def test_other_objectives_refuse_ranked_lists(flags, gold, refused, tmp_path):
    assert main(["demonstrate", *flags]) == 0
    (tmp_path / "other").mkdir()
    shutil.copytree(tmp_path / "run/demonstrations", tmp_path / "other/demonstrations")
    sft = [flag for flag in gold if not flag.startswith("--output_dir")]
    line = refused("train", *sft, f"--output_dir={tmp_path / 'other'}")
    assert "is a list of passages and no text: train it with objective retriever" in line
