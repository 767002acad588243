"""`VERB --help` lists the keys that the command reads, and no others."""

import dataclasses
import re
import sys

import pytest

from hf_selfdemo.recipe.keys import GROUPS
from hf_selfdemo.recipe.own_keys import READS
from hf_selfdemo.verbs import VERBS
from hf_selfdemo.verbs.cli import main

_LOOK_AT_ALL = {
    *("dataclasses", "copy", "hf_selfdemo.core.keys", "hf_selfdemo.core.ranges", "hf_selfdemo.recipe.keys"),
    "hf_selfdemo.recipe.config",
}
"""Modules that look at every key, to check or to copy it."""

_LOOKED_AT_ALWAYS = {"dry_run", "compare", "documents", "held_out_share"}
"""Keys whose default is made sure of, before a command starts or questions are read."""


@pytest.fixture
def options(capsys):
    def listed(*words):
        with pytest.raises(SystemExit):
            main([*words, "--help"])
        return set(re.findall(r"^  --(\w+)", capsys.readouterr().out, re.MULTILINE))

    return listed


def test_every_command_with_a_recipe_says_what_it_reads():
    assert READS.keys() == VERBS.keys()


@pytest.mark.parametrize(
    ("verb", "read", "not_read"),
    [
        ("app", {"app_port", "test_corpus", "model_name_or_path"}, {"learning_rate", "train_questions", "lora_r"}),
        ("train", {"learning_rate", "lora_r", "dev_questions"}, {"app_port", "hub_dataset_id", "evaluate_judge"}),
        ("evaluate", {"evaluate_judge", "test_twins", "judge_tries"}, {"train_twins", "learning_rate", "app_port"}),
        ("ledger", {"ledger", "output_dir"}, {"window", "method", "dtype"}),
        ("run", {"learning_rate", "evaluate_judge", "rag_candidates", "documents"}, {"app_port", "export_to"}),
    ],
)
def test_other_keys_are_left_out(options, verb, read, not_read):
    found = options(verb)
    assert read <= found and not not_read & found


def test_keys_of_the_chosen_method_and_objective_are_listed(options):
    assert "view_tokens" in options("evaluate", "--method=active_rag")
    assert "view_tokens" not in options("evaluate") and "rag_candidates" not in options("evaluate")
    assert "beta" in options("train", "--objective=dpo") and "beta" not in options("train")


def test_every_key_is_an_option_of_some_command():
    known = {f.name for group in GROUPS for f in dataclasses.fields(group)}
    assert known == {name for reads in READS.values() for group in GROUPS for name in reads.of_group(group)}


@pytest.fixture
def read(monkeypatch):
    """The keys that were looked at one by one."""
    found = set()

    def watched(group, names):
        def look(self, name):
            if name in names and sys._getframe(1).f_globals["__name__"] not in _LOOK_AT_ALL:
                found.add(name)
            return object.__getattribute__(self, name)

        monkeypatch.setattr(group, "__getattribute__", look)

    for group in GROUPS:
        watched(group, {f.name for f in dataclasses.fields(group)})
    return found


def test_what_a_command_looks_at_is_in_its_help(gold, read):
    not_listed = {}
    for verb in ("demonstrate", "preflight", "train", "evaluate", "export", "plan", "ledger"):
        read.clear()
        assert main([verb, *gold]) == 0
        listed = {name for group in GROUPS for name in READS[verb].of_group(group)}
        if missing := read - listed - _LOOKED_AT_ALWAYS:
            not_listed[verb] = missing
        assert read & listed, verb
    assert not not_listed
