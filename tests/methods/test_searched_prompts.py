"""Searched prompts keep their order on the disk, and files by hand are read or refused by line."""

import json

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.methods.searched_prompts import ScoredPrompt, ranking, read_prompts, write_prompts


def test_ranking_is_by_score_then_by_how_often_it_was_scored_then_by_age():
    best = [
        ScoredPrompt("a", 9.0, 10),
        ScoredPrompt("b", 8.0, 10, round=1),
        ScoredPrompt("c", 8.0, 10, round=2),
        ScoredPrompt("d", 8.0, 9),
        ScoredPrompt("e", 1.0, 1),
        ScoredPrompt("f", None),
    ]
    assert ranking(reversed(best)) == best


def test_prompts_are_written_best_first_and_read_back(tmp_path):
    path = tmp_path / "deep" / "prompts.jsonl"
    write_prompts(path, [ScoredPrompt("none", None), ScoredPrompt("two\nlines\u2028“ü”", 3.5, 4, 1, 2, 7.0)])
    assert read_prompts(path) == ["two\nlines\u2028“ü”", "none"]
    first = json.loads(path.read_text(encoding="utf-8").split("\n")[0])
    assert first == {
        "prompt": "two\nlines\u2028“ü”",
        "score": 3.5,
        "scored": 4,
        "unscored": 1,
        "round": 2,
        "train_score": 7.0,
    }


def test_a_file_written_by_hand_needs_only_prompts(tmp_path):
    path = tmp_path / "mine.jsonl"
    path.write_bytes(b'{"prompt": "Be brief."}\r\n\n{"prompt": "Answer.", "note": 1}')
    assert read_prompts(path) == ["Be brief.", "Answer."]


@pytest.mark.parametrize(
    "line", [b"{", b"[1]", b'"Be brief."', b'{"text": "x"}', b'{"prompt": 1}', b'{"prompt": " "}', b"\xff", b"null"]
)
def test_a_line_without_a_prompt_is_named(tmp_path, line):
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'{"prompt": "Be brief."}\n' + line + b"\n")
    with pytest.raises(UserError, match=r"^line 2 of .*p\.jsonl has no prompt: change it") as caught:
        read_prompts(path)
    assert "\n" not in str(caught.value)


def test_half_a_character_in_a_prompt_is_replaced(tmp_path):
    (tmp_path / "p.jsonl").write_text('{"prompt": "Be brief\\ud83d."}\n')
    assert read_prompts(tmp_path / "p.jsonl") == ["Be brief\ufffd."]


def test_a_missing_or_empty_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"p\.jsonl cannot be read \(No such file"):
        read_prompts(tmp_path / "p.jsonl")
    (tmp_path / "p.jsonl").write_text("\n")
    with pytest.raises(UserError, match=r"p\.jsonl has no prompts: write one per line"):
        read_prompts(tmp_path / "p.jsonl")
