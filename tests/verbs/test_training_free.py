"""A method that trains nothing: one column of its own, no model needed, and no verb that trains begins."""

import json
import shutil

import pytest

from hf_selfdemo.evaluation.evaluated import Evaluation
from hf_selfdemo.verbs.cli import main


@pytest.fixture
def free(gold):
    """The small recipe with the method that asks nine times."""
    keys = ["--method=active_rag", "--view_tokens=3", "--reasoning_tokens=2", "--temperature=0"]
    return [*(flag for flag in gold if not flag.startswith("--method=")), *keys]


def test_it_is_evaluated_beside_the_base_model_without_a_trained_one(free, manifest, tmp_path, capsys):
    assert main(["run", *free]) == 0
    said = capsys.readouterr()
    assert "method 'active_rag' trains nothing: only evaluating" in said.err
    found = manifest("evaluation")
    assert list(found["models"]) == ["active_rag", "base"] and set(found["models"].values()) == {""}
    assert found["answerers"]["base"].startswith("prompt/") and found["answerers"]["active_rag"].startswith(
        "active_rag/"
    )
    assert found["asking"]["base"]["rag"]["calls"] == 3 and found["asking"]["active_rag"]["rag"]["calls"] == 3 * 9
    table = (tmp_path / "run/evaluation/table.md").read_text()
    assert "| calls a question | 1.0 | 9.0 |  |" in table and "| tokens a question |" in table
    column = Evaluation(tmp_path / "run/evaluation").column("active_rag")
    assert all(len(p.trace) == 9 and p.confidence is not None for p in column.predictions["rag"])
    assert sorted(p.name for p in (tmp_path / "run").iterdir() if p.is_dir()) == ["evaluation"]


def test_what_others_trained_may_stand_beside_it(free, model_folder, manifest, refused, tmp_path):
    shutil.copytree(model_folder, tmp_path / "copy")
    assert main(["evaluate", *free, "--evaluate_plain", "--adapters", f"copy={tmp_path / 'copy'}"]) == 0
    found = manifest("evaluation")
    assert set(found["models"]) == {"base", "base_plain", "active_rag", "copy"}
    assert found["answerers"]["copy"] == found["answerers"]["base"] != found["answerers"]["base_plain"]
    line = refused("evaluate", *free, "--adapters", f"active_rag={tmp_path / 'copy'}")
    assert "two columns are named 'active_rag'" in line


def test_calls_are_paid_once_and_other_keys_say_that_they_replace_its_replies(free, manifest, capsys):
    assert main(["evaluate", *free]) == main(["evaluate", *free]) == 0
    assert manifest("evaluation")["usage"]["active_rag"]["calls"] == 0
    assert manifest("evaluation")["asking"]["active_rag"]["rag"]["calls"] == 27, "what it cost once"
    capsys.readouterr()
    assert main(["evaluate", *free[:-3], "--view_tokens=4", *free[-2:]]) == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "the replies of 'active_rag' in" in said and "it is now asked in another way" in said
    assert manifest("evaluation")["usage"]["base"]["calls"] == 0


@pytest.mark.parametrize("verb", ["demonstrate", "train", "rounds", "preflight", "prompts"])
def test_a_verb_on_the_way_to_weights_refuses_in_one_line(free, refused, tmp_path, verb):
    line = refused(verb, *free)
    assert "method 'active_rag' trains nothing: run `hf-selfdemo evaluate` to compare it" in line
    assert not (tmp_path / "run").exists()


def test_the_plan_counts_the_calls_of_evaluating_and_nothing_of_training(free, tmp_path, capsys):
    assert main(["plan", *free, "--evaluate_modes", "rag", "closed_book"]) == 0
    plan = json.loads((tmp_path / "run/plan.json").read_text())
    assert plan["evaluate_calls"] == {
        "base": {"rag": 9, "closed_book": 9},  # at most: a reply, the probability of a refusal, a withheld answer
        "active_rag": {"rag": 27, "closed_book": 27},
    }
    assert list(plan["memory_gb"]) == ["evaluate"]
    said = capsys.readouterr()
    assert "27" in said.out and "train" not in said.out


def test_it_cannot_be_exported_as_single_prompts(free, refused):
    line = refused("export", *free)
    assert "active_rag asks a question in several calls and has no single prompt" in line


def test_a_trained_model_is_asked_as_the_method_says_that_its_folder_names(gold, manifest, tmp_path):
    assert main(["run", *gold]) == 0
    folder = tmp_path / "run/model"
    assert json.loads((folder / "method.json").read_text()) == {"method": "ra_it", "keys": {}}
    assert manifest("evaluation")["answerers"]["tuned"] == manifest("evaluation")["answerers"]["base"]
    shutil.copytree(folder, tmp_path / "mine")
    (tmp_path / "mine/manifest.json").unlink()  # which knows the files as they were
    keys = {"view_tokens": 3, "reasoning_tokens": 2, "temperature": 0.0}
    (tmp_path / "mine/method.json").write_text(json.dumps({"method": "active_rag", "keys": keys}))
    named = [*gold, "--adapters", f"mine={tmp_path / 'mine'}"]
    assert main(["evaluate", *named]) == 0
    assert manifest("evaluation")["asking"]["mine"]["rag"]["calls"] == 27
    (tmp_path / "mine/method.json").unlink()
    assert main(["evaluate", *named]) == 0
    assert manifest("evaluation")["asking"]["mine"]["rag"]["calls"] == 3
