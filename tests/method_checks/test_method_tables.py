"""Records become tables of the page, each between its marks."""

import pytest
from method_check import change, heard, mean, rate, write_record
from method_tables import cell, write_page

from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Request
from hf_selfdemo.generation.scripted import ScriptedGenerator

RECORD = {
    "command": "python check.py",
    "arms": {"plain": {"training": {"rows": 4, "steps": 2, "tokens": 1900}}},
    "figures": {"Right": {"plain": {"a": {"value": 0.5, "interval": [0.1, 0.9], "hits": 1, "total": 2}}, "other": {}}},
}


def test_tables_stand_between_the_marks_of_their_record(tmp_path):
    (tmp_path / "README.md").write_text("before\n<!-- d_ar -->\nold\n<!-- end -->\nafter\n<!-- x -->\n<!-- end -->\n")
    write_record(tmp_path / "records" / "d_ar.json", RECORD)
    assert write_page(tmp_path) == ["d_ar"]
    text = (tmp_path / "README.md").read_text()
    assert "old" not in text and text.startswith("before\n") and text.endswith("after\n<!-- x -->\n<!-- end -->\n")
    assert "| plain | .50 [.10, .90] of 2 |\n| other |  |\n<!-- end -->" in text
    assert "plain 4 rows, 2 steps, 1,900 tokens" in text
    assert write_page(tmp_path) == ["d_ar"] and (tmp_path / "README.md").read_text() == text


def test_an_empty_block_is_filled_once_and_the_next_section_stays(tmp_path):
    (tmp_path / "README.md").write_text("<!-- d_ar -->\n<!-- end -->\n## Next\n<!-- x -->\n<!-- end -->\n")
    write_record(tmp_path / "records" / "d_ar.json", RECORD)
    write_page(tmp_path)
    text = (tmp_path / "README.md").read_text()
    assert text.count("| plain |") == 1 and text.endswith("<!-- end -->\n## Next\n<!-- x -->\n<!-- end -->\n")


def test_a_record_without_a_place_is_refused(tmp_path):
    (tmp_path / "README.md").write_text("nothing\n")
    write_record(tmp_path / "records" / "d_ar.json", RECORD)
    with pytest.raises(UserError, match="no place for d_ar"):
        write_page(tmp_path)


def test_figures_have_intervals():
    assert cell(rate([True] * 8 + [False] * 2)) == ".80 [.49, .94] of 10"
    assert cell(mean([10.25, 10.25])) == "10.25 [10.25, 10.25]" and cell(mean([])) == "-"
    assert cell(change([1.0, 2.0], [2.0, 3.5])) == "+1.25 [+1.00, +1.50]"


def test_what_is_asked_in_a_dialogue_is_heard():
    def dialogue():
        [first] = yield [Request("1", ({"role": "user", "content": "a"},), "rag")]
        [second] = yield [Request("2", ({"role": "user", "content": first.text + "b"},), "rag")]
        return second.text

    said = []
    assert list(converse([heard(dialogue(), said)], ScriptedGenerator())) == ["AB"]
    assert [(request.id, reply.text) for request, reply in said] == [("1", "A"), ("2", "AB")]
