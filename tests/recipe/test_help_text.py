"""A line of help names an option once, what it takes, what it does, and its default if there is something to tell."""

import dataclasses
from typing import Literal

import pytest

from hf_selfdemo.core.keys import key
from hf_selfdemo.recipe.flags import given_values
from hf_selfdemo.recipe.help_text import help_text


@dataclasses.dataclass
class Options:
    passage_count: int = key(4, "passages to show", "written")
    held_out: float | None = key(None, "share; default: none", "written")
    corpus: str = key("", "passages to search", "written")
    columns: list[str] = key([], "role=column pairs", "written")
    modes: list[str] = key(["rag", "closed_book"], "prompts", "replies")
    greedy: bool = key(True, "greedy search, 100%% of the time", "written")
    pick: Literal["best", "first"] = key("best", "which candidate", "kept")
    optimiser: Literal["stochastic_gradient_descent", "adam_with_weight_decay"] = key(
        "adam_with_weight_decay", "of the training", "weights"
    )


@dataclasses.dataclass
class Other:
    passage_count: int = key(5, "passages of another method", "written")


@pytest.fixture
def shown():
    def of(**values):
        names = [f.name for f in dataclasses.fields(Options)]
        return " ".join(help_text({"Some": (Options, names)}, values).split()) + " "

    return of


@pytest.mark.parametrize(
    "line",
    [
        "--passage_count INT passages to show (default: 4) ",
        "--held_out FLOAT share; default: none --",
        "--corpus TEXT passages to search --",
        "--columns TEXT [TEXT ...] role=column pairs --",
        "--modes TEXT [TEXT ...] prompts (default: rag closed_book) ",
        "--greedy true|false greedy search, 100% of the time (default: true) ",
        "--pick best|first which candidate (default: best) ",
        "--optimiser TEXT of the training. One of stochastic_gradient_descent, adam_with_weight_decay (default: adam",
    ],
)
def test_a_line_of_help(shown, line):
    assert line in shown()


def test_a_recipe_replaces_the_defaults(shown):
    assert "share; default: none (default: 0.25)" in shown(held_out=0.25)
    assert "passages to search (default: 50%.jsonl)" in shown(corpus="50%.jsonl")


def test_an_option_that_two_methods_have_is_listed_with_both_and_no_other_is_listed():
    told = help_text({"one": (Options, ["passage_count"]), "another": (Other, ["passage_count"])}, {})
    one, another = told.split("another:")
    assert "passages to show (default: 4)" in one and "passages of another method (default: 5)" in another
    assert "--corpus" not in told


@pytest.mark.parametrize("flag", ["--passage_count=2", "--passage-count=2"])
def test_dashes_in_a_name_are_underscores(flag):
    assert given_values([Options], {}, [flag, "--corpus", "my-file"]) == [{"passage_count": 2, "corpus": "my-file"}]


def test_dashes_in_a_value_stay():
    assert given_values([Options], {}, ["--corpus=--a-b"]) == [{"corpus": "--a-b"}]
    assert given_values([Options], {}, ["--no-greedy"]) == [{"greedy": False}]
