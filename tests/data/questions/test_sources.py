"""Plain files are read as they come, and half a character anywhere in them stops nothing."""

import json

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.data.questions import read_passages, read_questions

ROW = {"question": "A?", "answers": ["x"]}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ROW, ROW | {"question": "B?"}]),
        json.dumps({"version": 1, "data": [ROW, ROW | {"question": "B?"}]}, indent=1),
        json.dumps(ROW) + "\n\n" + json.dumps(ROW | {"question": "B?"}) + "\n",
        "\n" + json.dumps(ROW) + "\n" + json.dumps(ROW | {"question": "B?"}),
    ],
    ids=["array", "data", "lines", "lines after a blank one"],
)
def test_a_json_file_holds_an_array_an_object_with_data_or_lines(tmp_path, text):
    (tmp_path / "q.json").write_text(text)
    assert [q.text for q in read_questions(str(tmp_path / "q.json"))] == ["A?", "B?"]


def test_one_line_in_a_json_file_is_one_row(tmp_path):
    (tmp_path / "q.json").write_text(json.dumps(ROW | {"answers": ["a\u2028b"]}, ensure_ascii=False) + "\n")
    assert [q.answers for q in read_questions(str(tmp_path / "q.json"))] == [("a\u2028b",)]


@pytest.mark.parametrize("name", ["q.jsonl", "q.json"])
def test_a_row_after_blank_lines_is_named_by_its_line_too(tmp_path, name):
    (tmp_path / name).write_text(json.dumps(ROW) + "\n\n" + json.dumps(ROW | {"question": ""}))
    with pytest.raises(UserError, match=r"row 2 \(line 3\) of .* has no question text"):
        read_questions(str(tmp_path / name))


HALF = "\\ud83d"


@pytest.mark.parametrize("name", ["q.jsonl", "q.json"])
def test_half_a_character_in_a_question_file_is_replaced(tmp_path, name):
    ctxs = f'[{{"id": "p{HALF}", "title": "t{HALF}", "text": "amber{HALF}", "score": 1}}]'
    texts = f'"id": "q{HALF}", "question": "Why{HALF}?", "answers": ["amber{HALF}"], "gold": ["p{HALF}"]'
    (tmp_path / name).write_text(f'{{{texts}, "ctxs": {ctxs}}}')
    [question] = read_questions(str(tmp_path / name), columns=["passages=ctxs"])
    [passage] = question.passages
    assert (question.id, question.text, question.answers) == ("q\ufffd", "Why\ufffd?", ("amber\ufffd",))
    assert (passage.id, passage.title, passage.text) == ("p\ufffd", "t\ufffd", "amber\ufffd")
    assert question.is_gold(passage)


def test_half_a_character_in_a_corpus_is_replaced_and_whole_ones_stay(tmp_path):
    (tmp_path / "c.jsonl").write_text('{"id": "1", "text": "a\\ud83d b \\ud83d\\ude00", "title": "\\udc00"}\n')
    [passage] = read_passages(str(tmp_path / "c.jsonl"))
    assert (passage.text, passage.title) == ("a\ufffd b \U0001f600", "\ufffd")


def test_ids_that_half_characters_made_alike_are_refused(tmp_path):
    lines = (f'{{"id": "q{half}", "question": "A?", "answers": ["x"]}}\n' for half in ("\\ud83d", "\\ud83e"))
    (tmp_path / "q.jsonl").write_text("".join(lines))
    with pytest.raises(UserError, match=r"rows 1 and 2 .* both have the id"):
        read_questions(str(tmp_path / "q.jsonl"))
