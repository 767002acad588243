"""Rows on the disk read as a list does, and a run holds few of them at a time."""

import gc
import json
import os
import weakref

import pytest

from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.types import Evidence, Passage, Prediction, Question
from hf_selfdemo.evaluation.evaluated import Evaluation, write_manifest, write_predictions, write_rows
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.recipe.keys import make_recipe

ROWS = 3000


def test_rows_on_the_disk_are_those_of_a_list():
    items = [f"row {i} {'x' * i}" for i in range(50)]
    rows = OnDisk(iter(items))
    assert list(rows) == items and len(rows) == 50 and rows[-1] == items[-1]
    assert list(rows[3:40:7]) == items[3:40:7]
    assert list(rows.at([9, 2])[::-1]) == [items[2], items[9]]
    with pytest.raises(IndexError):
        rows[50]
    assert not OnDisk([])


def test_lines_of_a_file_are_read_as_they_are(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_bytes("één\r\n\nlast".encode())
    lines = OnDisk.lines(path, bytes.decode)
    path.unlink()
    assert list(lines) == ["één\r\n", "\n", "last"] and list(lines.at([2, 0])) == ["last", "één\r\n"]
    path.touch()
    assert not OnDisk.lines(path, bytes.decode)
    with pytest.raises(OSError):
        OnDisk.lines(tmp_path / "none", bytes.decode)


def test_a_forked_process_reads_beside_this_one():
    rows = OnDisk(range(1000))
    child = os.fork()
    if not child:
        os._exit(list(rows) != list(range(1000)))
    assert list(rows) == list(range(1000))
    assert os.waitpid(child, 0)[1] == 0


def test_few_rows_of_a_recipe_are_held_at_a_time(tmp_path, monkeypatch):
    """Counted by the passages alive while each row is read, not by a clock or by what a machine measures."""
    path = tmp_path / "questions.jsonl"
    with path.open("w") as out:
        for i in range(ROWS):
            passages = [{"id": f"{i}/{k}", "text": f"Number {i} is {i * 7}, {k}."} for k in range(3)]
            row = {"id": f"q{i}", "question": f"What is number {i}?", "answers": [str(i * 7)], "passages": passages}
            out.write(json.dumps(row) + "\n")
    keys = {
        "output_dir": str(tmp_path / "run"),
        "train_questions": [str(path)],
        "columns": ["passages=passages"],
        "retriever": "given",
        "train_twins": 10,
        "max_train_questions": ROWS - 5,
    }
    most = 0
    real = Evidence.__init__

    def counting(self, *arguments, **fields):
        nonlocal most
        real(self, *arguments, **fields)
        if len(seen) % 500 == 0:
            most = max(most, sum(type(found) is Passage for found in gc.get_objects()))
        seen.append(None)

    seen: list[None] = []
    before = sum(type(found) is Passage for found in gc.get_objects())
    monkeypatch.setattr(Evidence, "__init__", counting)
    evidence, _ = recipe_evidence(make_recipe(keys), "train")
    monkeypatch.undo()
    for number, _ in enumerate(evidence):
        if number % 1000 == 0:
            most = max(most, sum(type(found) is Passage for found in gc.get_objects()))
    assert len(evidence) >= ROWS - 5 and evidence[0].passages
    assert 0 < most - before < 3 * ROWS / 2
    gone = weakref.ref(evidence)
    del evidence
    assert gone() is None


def test_no_passage_of_a_finished_evaluation_is_held(tmp_path):
    def passages():
        return sum(type(found) is Passage for found in gc.get_objects())

    shown = (Passage("1", "Iron is older."), Passage("2", "Tin is younger."))
    rows = [Evidence(Question(f"q{i}", "Which is older?", ("Iron",)), shown, True) for i in range(500)]
    write_rows(tmp_path, rows)
    write_predictions(
        tmp_path, "base", "rag", [Prediction(row.id, "rag", "Iron", "correct", True, True) for row in rows]
    )
    write_manifest(tmp_path, ["rag"], {"judges": {"base": {}}}, {"title": "made up", "settings": {}})
    before, evaluation = passages(), Evaluation(tmp_path)
    column = evaluation.column("base")
    assert [one.id for one in column.predictions["rag"]] == list(evaluation.evidence) and len(
        evaluation.evidence
    ) == 500
    assert evaluation.evidence["q7"] == rows[7] and "q500" not in evaluation.evidence
    assert passages() - before < 50
