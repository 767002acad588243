"""What the verbs leave behind is what the scripts read: signals, withheld answers, a column at an operating point."""

from __future__ import annotations

import collect
import pytest
from made_up_runs import WHENCE, study_folder
from points import applied
from records import read_study

from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.at_point import write_point
from hf_selfdemo.scoring.confidence import Mix
from hf_selfdemo.scoring.operating_point import Aim, OperatingPoint
from hf_selfdemo.verbs.cli import main as selfdemo

LENGTH = 8
POINT = OperatingPoint(Aim("f_score"), Mix((("retriever_score", 1.0),), -8.0), 0.5, ())
"""Answers where the best passage scores above 8."""


@pytest.fixture(scope="module")
def study(model_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("real")
    run = folder / "runs" / "ra_it-0"
    keys = ["--passages_per_question=1", "--max_train_questions=2", "--max_train_unanswerable=0"]
    keys += [f"--model_name_or_path={model_folder}", "--on_policy_rows=0"]
    keys += [
        "--seed=0",
        "--max_test_questions=8",
        "--max_test_unanswerable=2",
        "--test_twins=2",
        f"--max_answer_tokens={LENGTH}",
    ]
    ra_it = ["--method=ra_it", f"--output_dir={run}", *keys]
    assert selfdemo(["demonstrate", *ra_it]) == 0
    assert selfdemo(["train", *ra_it, "--max_steps=1", "--lora_r=2", "--use_cpu"]) == 0
    write_point(run / "model", POINT, PromptAnswerer(LENGTH), LENGTH, {"figures": {}})
    assert selfdemo(["evaluate", *ra_it]) == 0
    assert selfdemo(["evaluate", "--method=active_rag", f"--output_dir={folder / 'runs' / 'active_rag-0'}", *keys]) == 0
    found = study_folder(folder, {"base_may_decline": "base", "ra_it": "RA-IT", "active_rag": "ActiveRAG"})
    collect.collect(found, folder / "runs", WHENCE)
    return found


def test_signals_of_real_replies_are_kept(study):
    test = read_json(study.records / "ra_it-0.json")["evaluations"]["test"]
    assert set(test["signals"]["rag"]) == {"retriever_score", "refusal", "logprob"}
    assert set(test["labels"]) == {"rag", "closed_book", "rag_at_point"}
    assert set(read_json(study.records / "base.json")["evaluations"]["test"]["signals"]["rag"]) >= {"logprob"}


def test_what_a_model_says_at_its_point_is_what_follows_from_its_record(study):
    records = read_study(study.records)
    record = records.records["ra_it-0"]
    said = records.replies(record, "test", "rag", twins=True)
    asked = {p.id: p.label for p in records.replies(record, "test", "rag_at_point", twins=True)}
    assert asked == {p.id: p.label for p in applied(POINT, said)} and len(asked) == 12
    assert 0 < sum(label == "abstain" for label in asked.values()) < 12


def test_all_calls_of_an_answer_are_counted(study):
    runs = {name: read_json(study.records / f"{name}.json") for name in ("base", "ra_it-0", "active_rag-0")}
    asked = {name: run["evaluations"]["test"]["asking"] for name, run in runs.items()}
    calls = {
        name: {mode: told["calls"] / told["questions"] for mode, told in modes.items()} for name, modes in asked.items()
    }
    assert calls["base"] == {"rag": 1.0, "closed_book": 1.0} and calls["active_rag-0"]["rag"] == 9.0
    assert calls["ra_it-0"]["rag_at_point"] == 1.0, "this point needs no signal that costs a call"
