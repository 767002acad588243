"""Replies kept as text are labelled anew, by their questions' answers alone."""

from __future__ import annotations

import json

import pytest
import rescore
from made_up_runs import study_folder
from records import Row, Study

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Question

QUESTIONS = {"q1": Question("q1", "Who built it?", ("Ada Storm",)), "q2": Question("q2", "When?", ("1901",))}
ROWS = {
    "q1": Row(True, True, False, "nq"),
    "q1#gold_removed": Row(False, False, True, "nq"),
    "q2": Row(True, False, False, "nq"),
}
LINES = [
    {"id": "q1", "mode": "rag", "text": "It was Ada Storm.", "label": "correct"},
    {"id": "q1#gold_removed", "mode": "rag", "text": "The passages do not mention it.", "label": "abstain"},
    {"id": "q2", "mode": "rag", "text": "In 1902.", "label": "correct"},  # whoever wrote this label was wrong
    {"id": "q2", "mode": "closed_book", "text": "In 1901.", "label": "correct"},
]


def test_labels_follow_from_the_texts():
    found = rescore.relabelled(LINES, QUESTIONS, ROWS)
    assert [p.label for p in found] == ["correct", "abstain", "incorrect", "correct"]
    assert [p.answer_in_context for p in found] == [True, False, False, False]


def test_a_reply_to_an_unknown_question_is_refused():
    with pytest.raises(UserError, match="line 1: 'q1' is not a known question"):
        rescore.relabelled(LINES, {"q2": QUESTIONS["q2"]}, ROWS)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """The script over these replies; gives what it is called with."""
    folder = study_folder(tmp_path, {})
    folder.predictions.mkdir()
    write(folder.predictions / "mine.jsonl", LINES)
    write(
        tmp_path / "questions.jsonl",
        [{"id": q.id, "question": q.text, "answers": q.answers} for q in QUESTIONS.values()],
    )
    monkeypatch.setattr(rescore, "read_study", lambda _: Study({"test": ROWS}, {"one": {}}))
    monkeypatch.setenv("COLUMNS", "100")

    def call(name):
        monkeypatch.setattr(
            "sys.argv", ["rescore.py", str(tmp_path), name, "--questions", str(tmp_path / "questions.jsonl")]
        )
        rescore.main()

    return call


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_figures_are_those_of_the_natural_rows_by_mode(asked, capsys):
    asked("mine")
    out = capsys.readouterr().out
    assert "q2, rag: correct in the file, incorrect now" in out
    assert "4 replies, 1 of them with another label than in the file" in out
    assert [cell.strip() for cell in row(out, "correct ")] == ["correct", "0.500", "1.000"]
    assert [cell.strip() for cell in row(out, "false refusals")] == ["false refusals", "0.000", "-"]


def row(out, name):
    [line] = [line for line in out.splitlines() if line.startswith(f"│ {name}") and "," not in line]
    return line.strip("│").split("│")


def test_an_unknown_name_is_one_line(asked):
    with pytest.raises(SystemExit, match="no predictions of 'yours': use one of mine"):
        asked("yours")


@pytest.mark.parametrize("broken", ['{"id": "q1"', "[]", '{"id": "q1", "mode": "rag", "label": "correct"}'])
def test_a_broken_line_is_named(asked, tmp_path, broken):
    whole = (tmp_path / "predictions" / "mine.jsonl").read_text()
    (tmp_path / "predictions" / "broken.jsonl").write_text(whole + broken + "\n")
    with pytest.raises(SystemExit, match=r"broken\.jsonl, line 5: a reply needs"):
        asked("broken")


def test_an_empty_file_is_refused(asked, tmp_path):
    (tmp_path / "predictions" / "empty.jsonl").write_text("")
    with pytest.raises(SystemExit, match=r"empty\.jsonl is empty"):
        asked("empty")
