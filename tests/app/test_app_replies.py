"""Replies are found by what changed between two models."""

import shutil

import pytest

from hf_selfdemo.app.replies import CHANGED, Replies
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_json


@pytest.fixture(scope="module")
def replies(run):
    return Replies(run / "evaluation")


def test_both_models_and_modes_are_there(replies):
    assert (replies.first, replies.others, replies.modes) == ("base", ["tuned"], ["rag", "closed_book"])
    assert replies.title == "made/up: 24 test rows"


@pytest.mark.parametrize("mode", ["rag", "closed_book"])
def test_every_row_is_of_one_kind_of_change(replies, mode):
    found = {kind: replies.find(mode, "tuned", " ".join(kind)) for kind in replies.kinds}
    assert len(replies.kinds) > 4 and sum(map(len, found.values())) == 24
    assert all({row.change for row in rows} == {kind} for kind, rows in found.items() if rows)
    moved = replies.find(mode, "tuned", CHANGED)
    assert len(moved) == sum(len(rows) for (before, after), rows in found.items() if before != after) > 0


def test_a_pair_is_two_replies_to_one_question(replies):
    for pair in replies.find("rag", "tuned"):
        assert pair.before.id == pair.after.id == pair.evidence.id
        assert pair.before.text.startswith("base: ") and pair.after.text.startswith("tuned: ")


def test_search_goes_through_questions_answers_and_replies(replies):
    assert [p.evidence.id for p in replies.find("rag", "tuned", search="builder13")] == ["q13"]
    assert [p.evidence.id for p in replies.find("rag", "tuned", search="TUNED: tower 13")] == ["q13"]
    assert replies.find("rag", "tuned", search="nowhere") == []


def test_a_mode_or_model_that_is_not_there_has_no_rows(replies):
    assert replies.find("rag", "another") == [] and replies.find("none", "tuned") == []


def test_one_model_alone_is_nothing_to_compare(run, tmp_path):
    shutil.copytree(run / "evaluation", tmp_path / "one")
    manifest = read_json(tmp_path / "one/manifest.json")
    write_json(tmp_path / "one/manifest.json", manifest | {"judges": {"base": {}}})
    with pytest.raises(UserError, match="only the replies of base: train, then evaluate again"):
        Replies(tmp_path / "one")


def test_without_an_evaluation_the_remedy_is_told(tmp_path):
    with pytest.raises(UserError, match="hf-selfdemo evaluate"):
        Replies(tmp_path)
