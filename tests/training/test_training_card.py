"""The card beside a trained model tells how to ask it, and its code runs."""

import copy

import pytest
from peft import LoraConfig
from test_base import rows, trainer

from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.verdict_first import VerdictAnswerer
from hf_selfdemo.training.card import Card
from hf_selfdemo.training.sft import SelfDemoConfig, SelfDemoTrainer


def code_of(card):
    return card.partition("```python\n")[2].partition("```")[0]


@pytest.mark.parametrize("adapter", [True, False], ids=["adapter", "whole"])
def test_its_code_loads_the_folder_and_answers(model_folder, tokenizer, tmp_path, adapter, capsys):
    args = SelfDemoConfig(output_dir=str(tmp_path), max_steps=1, use_cpu=True, meter_rows=2, disable_tqdm=True)
    peft = LoraConfig(r=2, target_modules="all-linear") if adapter else None
    made = SelfDemoTrainer(model_folder, args, rows(4), tokenizer, peft_config=peft)
    made.train()
    made.save_model()
    made.create_model_card(model_name="mine", tags="more")
    card = (tmp_path / "README.md").read_text()
    capsys.readouterr()
    exec(code_of(card).replace("path/to/this/folder", str(tmp_path)).replace("=32", "=3"), {})
    assert capsys.readouterr().out.strip()
    assert ("AutoPeft" in card) is adapter and "# mine\n" in card and "- more\n" in card and ", 4 rows)" in card
    assert model_folder not in card, "a path of this machine"


def test_it_shows_the_prompt_and_says_that_passages_are_needed():
    card = str(Card("mine", "org/base", True, "Self-Demo SFT", 12, ["trl"], "| a table |\n"))
    assert card.index("[1] TITLE: TEXT OF THE SECOND PASSAGE") < card.index("[2] TITLE: TEXT OF THE BEST PASSAGE")
    assert "Question: QUESTION" in card and "Give it passages" in card and "hf-selfdemo push" in card
    assert card.startswith("---\nbase_model: org/base\nlibrary_name: peft\n") and "for `org/base` that" in card
    assert card.endswith("## On-policy figures\n\n| a table |\n") and "time machine" not in card
    assert "An adapter that answers" in str(Card("mine", "", True, "Self-Demo SFT", 12))


def test_it_says_that_replies_begin_with_a_verdict_where_they_do(model, tokenizer, tmp_path):
    for answerer in (PromptAnswerer(3), VerdictAnswerer(3)):
        args = SelfDemoConfig(output_dir=str(tmp_path), max_steps=1, use_cpu=True, meter_rows=0, disable_tqdm=True)
        SelfDemoTrainer(copy.deepcopy(model), args, rows(4), tokenizer, answerer=answerer).create_model_card("mine")
        told = "begin with `Present:` or `Absent:`" in (tmp_path / "README.md").read_text()
        assert told == isinstance(answerer, VerdictAnswerer)


def test_a_checkpoint_writes_it_too(model, tokenizer, tmp_path):
    trainer(copy.deepcopy(model), tokenizer, tmp_path, save_strategy="steps", save_steps=1, max_steps=1).train()
    assert "Give it passages" in (tmp_path / "README.md").read_text()
