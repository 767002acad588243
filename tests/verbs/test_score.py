"""`hf-selfdemo score`: a file of predictions becomes a table, a report, and a label for every reply."""

import json

import pytest

from hf_selfdemo.core.types import Reply
from hf_selfdemo.verbs import score
from hf_selfdemo.verbs.cli import main

ROWS = [
    {"id": "a", "question": "Who found germanium?", "answers": ["Clemens Winkler"], "reply": "It was Winkler."},
    {"id": "b", "question": "Who found iodine?", "answers": ["Courtois"], "reply": "It was Winkler."},
    {"id": "c", "question": "Who found phlogiston?", "answers": [], "reply": "The passages do not say."},
    {"id": "d", "question": "Who found radium?", "answers": ["Curie"], "reply": ""},
    {"id": "e", "question": "When?", "answers": [], "answerable": True, "reply": "In 1886."},
]


@pytest.fixture
def scored(tmp_path):
    """Score rows; the labels by id and column, or the exit code where there is none."""

    def run(rows, *flags):
        (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        code = main(["score", str(tmp_path / "p.jsonl"), f"--output_dir={tmp_path / 'run'}", *flags])
        written = tmp_path / "run/scores/rows.jsonl"
        assert (code == 0) == written.exists()
        return [json.loads(line) for line in written.open()] if written.exists() else code

    return run


def test_every_reply_has_a_label_and_a_reason(scored, tmp_path, capsys):
    found = scored(ROWS)
    assert [(row["id"], row["label"]) for row in found] == [
        *(("a", "correct"), ("b", "incorrect"), ("c", "abstain"), ("d", "unscored"), ("e", "unscored")),
    ]
    assert found[4]["reason"] == "no accepted answer is known" and found[3]["reason"] == "empty reply"
    figures = json.loads((tmp_path / "run/scores/figures.json").read_text())["columns"]["reply"]["rag"]
    assert (figures["accuracy"]["hits"], figures["accuracy"]["total"]) == (1, 3)
    assert (figures["unscored"]["hits"], figures["unscored"]["total"]) == (2, 5)
    assert (tmp_path / "run/scores/report.html").exists()
    said = capsys.readouterr()
    assert "always abstain" in said.out and "1 no accepted answer is known" in said.err


def test_several_columns_of_replies_are_compared(scored, tmp_path):
    rows = [row | {"base": "It was Curie.", "tuned": row["reply"]} for row in ROWS[:3]]
    found = scored(rows, "--reply_columns", "base", "tuned")
    assert [(row["column"], row["label"]) for row in found[:2]] == [("base", "incorrect"), ("tuned", "correct")]
    [change] = json.loads((tmp_path / "run/scores/figures.json").read_text())["changes"]
    assert (change["before"], change["after"], change["pairs"]) == ("base", "tuned", 3)


def test_passages_that_came_with_the_questions_decide_what_is_in_context(scored):
    rows = [row | {"ctxs": [{"title": "", "text": "Winkler found germanium."}]} for row in ROWS[:2]]
    found = scored(rows, "--preset=dpr")
    assert [row["answer_in_context"] for row in found] == [True, False]
    assert [row["answer_in_context"] for row in scored(ROWS[:2])] == [True, True]


def test_a_judge_that_fails_leaves_the_reply_unscored(scored, monkeypatch):
    class Failing:
        identity, concurrency = "failing", 1

        def stream(self, requests):
            for place, _ in enumerate(requests):
                yield place, Reply("", "error", error="the server is away")

    monkeypatch.setattr(score, "_generator", lambda recipe: Failing())
    found = scored(ROWS[:2], "--evaluate_judge=llm_label")
    assert [row["label"] for row in found] == ["unscored", "unscored"]
    assert {row["reason"] for row in found} == {"a call failed"}


@pytest.mark.parametrize(
    ("row", "flags", "line"),
    [
        ({"reply": ["It was", "Winkler."]}, [], "row 2 of {file}: column 'reply' is "),
        ({"question": " "}, [], "row 2 of {file} has no question text in 'question'"),
        ({}, ["--reply_columns=answer"], "row 1 of {file} has no column 'answer': set reply_columns to the columns"),
        ({}, ["--reply_columns", "reply", "reply"], "name each column of replies once"),
        ({}, ["--evaluate_judge=tournament"], "evaluate_judge is tournament, which ranks several candidates"),
    ],
)
def test_an_error_names_the_row_before_anything_is_judged(scored, tmp_path, capsys, row, flags, line):
    assert scored([ROWS[0], ROWS[1] | row], *flags) == 2
    assert line.format(file=tmp_path / "p.jsonl") in capsys.readouterr().err


def test_replies_without_their_questions_are_refused_with_the_remedy(tmp_path, capsys):
    (tmp_path / "p.csv").write_text("id,reply\n7,It was B. Courtois.\n")
    assert main(["score", str(tmp_path / "p.csv"), f"--output_dir={tmp_path / 'run'}"]) == 2
    said = capsys.readouterr().err
    assert "no column 'question' and no column 'answers': put questions, gold answers and replies into one file" in said


def test_a_csv_file_with_columns_of_other_names(tmp_path, capsys):
    (tmp_path / "p.csv").write_text("query,gold,said\nWho found iodine?,Courtois|B. Courtois,It was B. Courtois.\n")
    flags = ["--columns", "question=query", "answers=gold", "--list_separator=|", "--reply_columns=said"]
    assert main(["score", str(tmp_path / "p.csv"), f"--output_dir={tmp_path / 'run'}", *flags]) == 0
    [row] = map(json.loads, (tmp_path / "run/scores/rows.jsonl").open())
    assert (row["answers"], row["label"], row["column"]) == (["Courtois", "B. Courtois"], "correct", "said")
