"""What was written before goes, what somebody else wrote stays, and nothing is half there."""

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.remade import RECORD, remade, strangers


def write(folder, **files):
    with remade(folder) as staging:
        for name, text in files.items():
            (staging / name).write_text(text)


def held(folder):
    return {path.name: path.read_text() for path in folder.iterdir() if path.name != RECORD}


def test_files_of_an_earlier_time_go(tmp_path):
    write(tmp_path / "x", a="1", b="1")
    write(tmp_path / "x", b="2", c="2")
    assert held(tmp_path / "x") == {"b": "2", "c": "2"}
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_files_of_somebody_else_stay(tmp_path):
    write(tmp_path / "x", a="1", b="1")
    (tmp_path / "x" / "a").write_text("changed by hand")
    (tmp_path / "x" / "mine").write_text("mine")
    assert {path.name for path in strangers(tmp_path / "x")} == {"a", "mine"}
    write(tmp_path / "x", b="2")
    assert held(tmp_path / "x") == {"a": "changed by hand", "b": "2", "mine": "mine"}


@pytest.mark.parametrize("made_before", [False, True])
def test_a_file_of_somebody_else_in_the_way_is_refused_before_anything_changes(tmp_path, made_before):
    if made_before:
        write(tmp_path / "x", b="1", c="1")
    (tmp_path / "x").mkdir(exist_ok=True)
    (tmp_path / "x" / "a").write_text("mine")
    before = held(tmp_path / "x")
    with pytest.raises(
        UserError, match="x/a was not written by this run, or was changed since: move the file elsewhere"
    ):
        write(tmp_path / "x", a="2", b="2")
    assert held(tmp_path / "x") == before
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def test_a_link_in_the_way_is_refused_and_its_target_left_alone(tmp_path):
    (tmp_path / "thesis").write_text("mine")
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "a").symlink_to(tmp_path / "thesis")
    with pytest.raises(UserError, match="x/a was not written"):
        write(tmp_path / "x", a="2")
    assert (tmp_path / "thesis").read_text() == "mine"


def test_stopped_while_files_are_put_in_place_it_can_be_gone_on_from(tmp_path, monkeypatch):
    import hf_selfdemo.core.remade as module

    write(tmp_path / "x", a="1", b="1")
    put, puts = module.put_in_place, []

    def stopped(*paths):
        puts.append(put(*paths))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "put_in_place", stopped)
        with pytest.raises(KeyboardInterrupt):
            write(tmp_path / "x", a="2", b="2")
    assert held(tmp_path / "x") == {"a": "2", "b": "1"}
    write(tmp_path / "x", a="3", b="3")
    assert held(tmp_path / "x") == {"a": "3", "b": "3"}


def test_what_fails_while_it_is_written_changes_nothing(tmp_path):
    write(tmp_path / "x", a="1")
    with pytest.raises(ZeroDivisionError), remade(tmp_path / "x") as staging:
        (staging / "a").write_text("2")
        1 / 0  # noqa: B018
    assert held(tmp_path / "x") == {"a": "1"}
