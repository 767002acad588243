"""`hf-selfdemo evaluate` with a check of what else the models can do: copies have not changed, other weights have."""

import json

import pytest

from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.verbs.cli import main

CHECK = ["--choice_questions=embedded", "--max_choice_questions=6", "--instruction_prompts=embedded"]
CHECK += ["--max_instruction_prompts=3", "--max_instruction_tokens=5"]


@pytest.fixture
def evaluation(tmp_path):
    return tmp_path / "run/evaluation"


def rows(path):
    return [json.loads(line) for line in path.open(encoding="utf-8")]


def test_a_copy_has_not_changed_and_other_weights_have(two_models, evaluation, manifest, tmp_path, capsys):
    assert main(["evaluate", *two_models, *CHECK]) == 0
    out, table = capsys.readouterr().out, (evaluation / "table.md").read_text()
    assert "6 multiple-choice questions, 3 instructions" in out and "choices by letter" in out
    assert "false refusals" in table and "| own replies, nats per token: change |  | +0.00 [+0.00, +0.00] |" in table
    figures = json.loads((evaluation / "figures.json").read_text())["ability"]
    assert list(figures["base"]) == list(figures["other"]) and figures["base"]["letter_acc"]["total"] == 6
    assert all(figure["change"] == {"value": 0.0, "interval": [0.0, 0.0]} for figure in figures["copy"].values())
    assert figures["other"]["own_replies"]["change"]["value"] > 1
    assert rows(evaluation / "ability/copy.choices.jsonl") == rows(evaluation / "ability/base.choices.jsonl")
    assert rows(evaluation / "ability/other.choices.jsonl") != rows(evaluation / "ability/base.choices.jsonl")
    replies = [[row["reply"] for row in rows(evaluation / f"ability/{n}.replies.jsonl")] for n in ("base", "other")]
    assert len(replies[0]) == 3 and replies[0] == replies[1], "all are measured on what the base said"
    settings = manifest("evaluation")["ability"]
    assert (settings["questions"], settings["instructions"], settings["failed_replies"]) == (6, 3, 0)


def test_replies_are_written_once_and_the_same_rows_are_drawn_again(two_models, evaluation, manifest, tmp_path):
    assert main(["evaluate", *two_models, *CHECK]) == 0
    usage, table = manifest("evaluation")["usage"]["base"]["by_stage"], (evaluation / "table.md").read_text()
    assert usage["own reply"]["calls"] == 3
    assert "own reply" in {row["stage"] for row in Ledger(tmp_path / "run/ledger.sqlite").summary()}
    assert main(["evaluate", *two_models, *CHECK]) == 0
    assert "own reply" not in manifest("evaluation")["usage"]["base"]["by_stage"]
    assert (evaluation / "table.md").read_text() == table


@pytest.mark.parametrize(
    ("asked", "left", "kept"),
    [(CHECK[:2], "own replies", "choices by text"), (CHECK[2:], "choices by", "own replies")],
    ids=["questions alone", "instructions alone"],
)
def test_each_part_can_be_asked_for_alone(two_models, evaluation, asked, left, kept):
    assert main(["evaluate", *two_models, *asked]) == 0
    table = (evaluation / "table.md").read_text()
    assert kept in table and left not in table
    assert len({path.suffixes[0] for path in (evaluation / "ability").iterdir()}) == 1


def test_nothing_is_done_unless_asked_for(two_models, evaluation, manifest, monkeypatch):
    import hf_selfdemo.evaluation.ability.multiple_choice as scoring

    monkeypatch.setattr(scoring, "text_nll", lambda *_: pytest.fail("something was scored"))
    assert main(["evaluate", *two_models]) == 0
    assert not (evaluation / "ability").exists() and manifest("evaluation")["ability"] == {}
    assert "ability" not in json.loads((evaluation / "figures.json").read_text())
    assert "own replies" not in (evaluation / "table.md").read_text()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--choice_questions=nowhere.jsonl"], "there is no file nowhere.jsonl"),
        (["--choice_questions=embedded", "--choice_preset=ark"], "unknown choice_preset 'ark': did you mean 'arc'?"),
        (["--choice_questions=embedded", "--choice_columns", "answer=key"], "row 1 of embedded has no column 'key'"),
        (["--instruction_prompts=embedded", "--instruction_columns", "told"], "row 1 of embedded has no column 'told'"),
        (["--choice_questions=embeded"], "there is no dataset 'embeded': did you mean 'embedded'?"),
        (["--choice_questions=embedded", "--max_choice_questions=-5"], "max_choice_questions is -5: give -1 for all"),
        (["--choice_question=embedded"], "did you mean 'choice_questions'?"),
    ],
)
def test_sets_that_cannot_be_read_stop_before_anything_is_asked(two_models, refused, tmp_path, flags, message):
    assert message in refused("evaluate", *two_models, *flags)
    assert not (tmp_path / "run").exists()
