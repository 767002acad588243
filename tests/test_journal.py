"""What a journal has said it wrote is there after any kill, and a torn end is cut off, never more."""

import json

import pytest

from hf_selfdemo.errors import UserError
from hf_selfdemo.journal import Journal

ROWS = [{"id": "a", "text": "eins\nzwei\r\u2028drei"}, {"id": "b", "text": "Röntgen 🤖"}, {"id": "c", "n": 1}]


def written(path, rows=ROWS):
    journal = Journal(path)
    journal.append(rows)
    return journal


def test_rows_are_there_when_opened_again(tmp_path):
    path = tmp_path / "deep" / "j.jsonl"
    assert written(path).rows == Journal(path).rows == {row["id"]: row for row in ROWS}
    assert [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]] == ROWS


def test_appending_goes_on_at_the_end(tmp_path):
    path = tmp_path / "j.jsonl"
    written(path, ROWS[:1])
    written(path, iter(ROWS[1:]))
    written(path, [])
    assert list(Journal(path).rows) == ["a", "b", "c"]


def test_the_last_row_of_an_id_counts(tmp_path):
    written(tmp_path / "j.jsonl", [{"id": "a", "n": 1}, {"id": "a", "n": 2}])
    assert Journal(tmp_path / "j.jsonl").rows == {"a": {"id": "a", "n": 2}}


def test_opening_makes_no_file(tmp_path):
    assert Journal(tmp_path / "sub" / "j.jsonl").rows == {}
    assert not (tmp_path / "sub" / "j.jsonl").exists()


def test_a_kill_after_any_byte_keeps_every_whole_row(tmp_path):
    path = tmp_path / "j.jsonl"
    written(path)
    content = path.read_bytes()
    for size in range(len(content) + 1):
        path.write_bytes(content[:size])
        whole = content[:size].count(b"\n")
        assert list(Journal(path).rows) == ["a", "b", "c"][:whole]
        assert path.read_bytes().count(b"\n") == whole and path.read_bytes()[-1:] in (b"", b"\n")
        Journal(path).append([{"id": "new"}])
        assert list(Journal(path).rows) == [*["a", "b", "c"][:whole], "new"]


@pytest.mark.parametrize("line", [b"{broken\n", b"\n", b"[1]\n", b'{"no": "id"}\n', b"\xff\n", b"5\n", b'{"id": []}\n'])
def test_damage_before_the_last_line_is_named_and_nothing_is_cut(tmp_path, line):
    path = tmp_path / "j.jsonl"
    written(path)
    first, rest = path.read_bytes().split(b"\n", 1)
    path.write_bytes(first + b"\n" + line + rest)
    before = path.read_bytes()
    with pytest.raises(UserError, match=r"line 2 of .*j\.jsonl.*remove") as caught:
        Journal(path)
    assert path.read_bytes() == before
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("row", [{"no": "id"}, {"id": []}, {"id": "x", "n": object()}])
def test_a_row_that_cannot_be_kept_is_refused_before_anything_is_written(tmp_path, row):
    path = tmp_path / "j.jsonl"
    journal = written(path)
    with pytest.raises((KeyError, TypeError)):
        journal.append([{"id": "d"}, row])
    assert list(journal.rows) == list(Journal(path).rows) == ["a", "b", "c"]
