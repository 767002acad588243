"""Tasks for lm-evaluation-harness: rows, prompts and figures are those of `hf-selfdemo evaluate`."""

import importlib.util
import json
import math
import subprocess
import sys

import pytest
import yaml

from hf_selfdemo.core.types import Evidence, Passage, Question
from hf_selfdemo.evaluation.exports.lm_eval import METRICS, aggregation, load_documents, process_results, write_tasks
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.scripted import ScriptedGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.prompting.prompts import render
from hf_selfdemo.scoring.outcomes import f_score, figures

HARNESS_KEYS = {
    *("task", "custom_dataset", "dataset_kwargs", "test_split", "output_type", "doc_to_text", "doc_to_target"),
    *("generation_kwargs", "process_results", "metric_list", "metadata"),
}
"""Those of the harness' `TaskConfig` (0.4.13) that a task of ours sets."""


@pytest.fixture
def evidence(row):
    """A row that holds the answer, its twin that does not, and a question without one."""
    unanswerable = Question("q2", "Who {{ invented }} zinc?", (), answerable=False)
    return [
        row,
        Evidence(row.question, row.passages[1:], gold_removed=True),
        Evidence(unanswerable, (Passage("p3", "Zinc is a metal.\u2028It is grey."),)),
    ]


@pytest.fixture
def folder(evidence, tmp_path):
    write_tasks(tmp_path, evidence, ["rag", "closed_book"], max_answer_tokens=7)
    return tmp_path


class Loader(yaml.SafeLoader):
    """As the harness reads tasks: a function is named by the file beside the task and its name there."""


Loader.add_constructor("!function", lambda loader, node: loader.construct_scalar(node))


def task(folder, mode="rag"):
    return yaml.load((folder / f"selfdemo_{mode}.yaml").read_text(), Loader)


@pytest.fixture
def utils(folder):
    spec = importlib.util.spec_from_file_location("task_utils", folder / "utils.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("mode", ["rag", "closed_book"])
def test_a_task_is_yaml_with_keys_of_the_harness_and_functions_that_exist(folder, utils, mode):
    found = task(folder, mode)
    assert set(found) == HARNESS_KEYS and found["task"] == f"selfdemo_{mode}"
    assert found["generation_kwargs"] == {"until": [], "do_sample": False, "max_gen_toks": 7}
    named = [found["custom_dataset"], found["process_results"], *(m["aggregation"] for m in found["metric_list"])]
    for name in named:
        file, _, function = name.partition(".")
        assert file == "utils" and callable(getattr(utils, function)), name
    assert all(isinstance(m["higher_is_better"], bool) for m in found["metric_list"])


@pytest.mark.parametrize("mode", ["rag", "closed_book"])
def test_a_task_lists_exactly_the_metrics_that_a_reply_has(folder, utils, mode):
    """The harness takes the mean of a metric that it was not told how to put together, and fails on ours."""
    [document, *_] = utils.documents(**task(folder, mode)["dataset_kwargs"])["test"]
    listed = [metric["metric"] for metric in task(folder, mode)["metric_list"]]
    assert list(process_results(document, ["It was Winkler."])) == listed
    assert ("abstention_recall" in listed) == (mode == "rag") and set(listed) <= set(METRICS)


def test_rows_hold_the_prompts_that_are_asked_whatever_stands_in_them(folder, evidence):
    documents = list(load_documents(folder / "rag.jsonl")["test"])
    assert [d["id"] for d in documents] == ["q1", "q1#gold_removed", "q2"]
    for row, document in zip(evidence, documents, strict=True):
        assert document["prompt"] == render("rag", row.question.text, row.passages)[0]["content"]
    assert "{{ invented }}" in documents[2]["prompt"] and task(folder)["doc_to_text"] == "prompt", (
        "the name of a column is not filled in as a template"
    )
    assert [d["answerable"] for d in documents] == [True, False, False]
    assert [d["answer_in_context"] for d in documents] == [True, False, False]
    assert documents[0]["answers"] == ["Clemens Winkler", "Winkler"] and documents[2]["answers"] == []
    closed = list(load_documents(folder / "closed_book.jsonl")["test"])
    assert [d["id"] for d in closed] == ["q1", "q2"] and "Winkler" not in closed[0]["prompt"]


def test_figures_are_those_of_an_evaluation_of_the_same_replies(folder, evidence):
    said = {"q1": "Clemens Winkler did.", "q1#gold_removed": "The passages do not say.", "q2": "It was Volta."}
    replies = predict(evidence, ScriptedGenerator(lambda request: said[request.id]), AnswerMatchJudge(), "rag")
    results = [process_results(d, [said[d["id"]]]) for d in load_documents(folder / "rag.jsonl")["test"]]
    assert [result["accuracy"][0] for result in results] == ["correct", "abstain", "incorrect"]
    rates = {name: rate.value for name, rate in figures(replies).items()} | {"f_score": f_score(replies)}
    for name in METRICS:
        assert aggregation(name)([result[name] for result in results]) == rates[name], name
    assert rates["abstention_recall"] == 0.5 and rates["accuracy"] == pytest.approx(1 / 3)


def test_an_empty_reply_is_in_no_score_and_nothing_to_count_is_no_number():
    row = {"mode": "rag", "question": "q", "answers": ["x"], "answerable": True, "answer_in_context": True}
    results = [process_results(row, [text])["accuracy"] for text in ("x", " ")]
    assert aggregation("accuracy")(results) == 1 and aggregation("unscored")(results) == 0.5
    assert math.isnan(aggregation("abstention_recall")(results))


def test_a_folder_can_be_moved_and_is_written_anew(folder, evidence, tmp_path_factory):
    moved = folder.rename(tmp_path_factory.mktemp("elsewhere") / "tasks")
    code = (
        "import importlib.util as u, sys; s = u.spec_from_file_location('utils', sys.argv[1]);"
        "m = u.module_from_spec(s); s.loader.exec_module(m); print(len(m.documents('rag.jsonl', version=1.0)['test']))"
    )
    done = subprocess.run([sys.executable, "-c", code, str(moved / "utils.py")], capture_output=True, text=True)
    assert done.stdout.strip() == "3", done.stderr
    write_tasks(moved, evidence[:1], ["rag"])
    assert len((moved / "rag.jsonl").read_text().splitlines()) == 1 and task(moved)["generation_kwargs"]


def test_the_harness_itself_runs_a_task(folder, model_folder):
    lm_eval = pytest.importorskip("lm_eval", reason="lm-evaluation-harness is not installed")
    found = lm_eval.simple_evaluate(
        model="hf",
        model_args=f"pretrained={model_folder},dtype=float32",
        tasks=["selfdemo_rag"],
        task_manager=lm_eval.tasks.TaskManager(include_path=str(folder)),
        apply_chat_template=True,
        device="cpu",
        bootstrap_iters=0,
    )
    scores = found["results"]["selfdemo_rag"]
    assert scores["accuracy,none"] + scores["hallucination_rate,none"] + scores["abstention_rate,none"] == 1
    assert len(json.dumps(found["samples"]["selfdemo_rag"][0]["accuracy"])) > 0 and len(METRICS) == len(
        [name for name in scores if name.endswith(",none") and "_stderr" not in name]
    )
