"""The calls of a study in a small file of the repository."""

from __future__ import annotations

import gzip

import calls
import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.types import Reply


@pytest.fixture
def kept(tmp_path):
    ledger = Ledger(tmp_path / "ledger.sqlite")
    for key, model in (("b", "base 1"), ("a", "base 1"), ("c", "tuned 2")):
        ledger.put(key, model, "rag", f"question {key}", Reply(f"says {key}", prompt_tokens=7))
    ledger.close()
    assert calls.keep(tmp_path / "ledger.sqlite", tmp_path / "calls.jsonl.gz", "base") == 2
    return tmp_path / "calls.jsonl.gz"


def test_another_ledger_finds_the_calls_of_the_model_that_were_kept(kept, tmp_path):
    other = tmp_path / "other" / "ledger.sqlite"
    Ledger(other).put("a", "base 1", "rag", "question a", Reply("is there already"))
    assert calls.restore(kept, other) == 1
    assert calls.restore(kept, other) == 0
    there = Ledger(other)
    assert there.get("b") == Reply("says b", prompt_tokens=7)
    assert there.get("a").text == "is there already" and there.get("c") is None


def test_the_same_calls_make_the_same_bytes(kept, tmp_path):
    calls.restore(kept, tmp_path / "other.sqlite")
    calls.keep(tmp_path / "other.sqlite", tmp_path / "again.jsonl.gz")
    assert (tmp_path / "again.jsonl.gz").read_bytes() == kept.read_bytes()


def test_a_call_that_was_changed_is_named_and_nothing_is_added(kept, tmp_path):
    text = gzip.decompress(kept.read_bytes()).replace(b"says b", b"said b")
    kept.write_bytes(gzip.compress(text))
    with pytest.raises(UserError, match="line 2 of"):
        calls.restore(kept, tmp_path / "other.sqlite")
    assert not (tmp_path / "other.sqlite").exists()


def test_what_is_not_there_is_named(kept, tmp_path):
    with pytest.raises(UserError, match="there is no ledger"):
        calls.keep(tmp_path / "none.sqlite", kept)
    with pytest.raises(UserError, match="contains no call of a model 'other'"):
        calls.keep(tmp_path / "ledger.sqlite", kept, "other")
    with pytest.raises(UserError, match="there is no file"):
        calls.restore(tmp_path / "none.gz", tmp_path / "ledger.sqlite")
