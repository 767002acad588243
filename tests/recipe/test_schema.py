"""`hf-selfdemo schema`: what the command takes is valid by it, and what the command refuses is not."""

import json
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.methods import METHODS
from hf_selfdemo.recipe.recipes import recipe_file, recipe_names
from hf_selfdemo.recipe.schema import recipe_schema
from hf_selfdemo.verbs.cli import main, make_recipe

SCHEMA = Path(__file__).parents[2] / "recipes" / "schema.json"
RECIPES = [name for name in recipe_names() if not name.startswith("accelerate/")]  # those are for its launcher


@pytest.fixture(scope="module")
def schema():
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def is_valid(schema):
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid


def test_the_schema_of_the_repository_is_what_the_command_writes(capsys):
    assert main(["schema"]) == 0
    assert capsys.readouterr().out == SCHEMA.read_text(encoding="utf-8")


@pytest.mark.parametrize("words", [["--help"], ["-h"]])
def test_help_says_how_a_recipe_names_it(capsys, words):
    assert main(["schema", *words]) == 0
    assert "# yaml-language-server: $schema=" in capsys.readouterr().out


def test_it_takes_no_recipe(capsys):
    assert main(["schema", "--config", "r.yaml"]) == 2
    assert "write `hf-selfdemo schema`" in capsys.readouterr().err


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_names_the_schema_and_is_valid(is_valid, name):
    path = recipe_file(name)
    first = path.read_text(encoding="utf-8").partition("\n")[0]
    where = first.removeprefix("# yaml-language-server: $schema=")
    assert (path.parent / where).resolve() == SCHEMA.resolve()
    assert is_valid(yaml.safe_load(path.read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_with_a_mistyped_key_is_not_valid(is_valid, name):
    keys = yaml.safe_load(recipe_file(name).read_text(encoding="utf-8"))
    for key in keys:
        assert not is_valid({other + "x" if other == key else other: value for other, value in keys.items()}), key


@pytest.mark.parametrize(
    "keys",
    [
        {"windw": 4},
        {"window": 0},
        {"window": 1.5},
        {"window": "many"},
        {"window": None},
        {"window": 10**13},
        {"held_out_share": 1},
        {"max_abstain_share": 1.01},
        {"server_timeout_s": 0},
        {"train_questions": "mine.jsonl"},
        {"judge_reasoning": 2},
        {"lora_r": 0},
        {"abstain_when": "sometimes"},
        {"lr_scheduler_type": "cosin"},
        {"eval_strategy": "epohc"},
        {"method": "self_dmo"},
        {"method": "ra_it", "rag_candidates": 3},
        {"method": "raft", "temperature": 1},
        {"oracle_share": 0.5},
        {"objective": "dop"},
        {"objective": "dpo", "packing": True},
        {"objective": "sft", "beta": 0.1},
        {"beta": 0.1},
        {"objective": "dpo", "loss_weights": [-1.0]},
    ],
    ids=str,
)
def test_what_the_command_refuses_is_not_valid(is_valid, keys):
    assert not is_valid(keys)
    with pytest.raises(UserError):
        make_recipe({"output_dir": "x"} | keys)


@pytest.mark.parametrize(
    "keys",
    [
        {"window": 1},
        {"held_out_share": 0.99},
        {"train_questions": ["mine.jsonl"]},
        {"start_from": None},
        {"max_length": None},
        {"dev_questions": ["embedded"], "eval_strategy": False},
        {"lora_target_modules": "all-linear"},
        {"lora_target_modules": ["q_proj"]},
        {"lr_scheduler_kwargs": {"min_lr": 1e-6}},
        {"method": "raft", "oracle_share": 1},
        {"objective": "dpo", "beta": 0.3, "loss_type": ["sigmoid", "sft"], "loss_weights": [1.0, 0.1]},
        {"loss_type": "dft"},
        {"method": "schema_method:METHOD", "own_key": 3, "judge": "my_package.mine:Judge"},
    ],
    ids=str,
)
def test_what_the_command_takes_is_valid(is_valid, keys, tmp_path, monkeypatch):
    (tmp_path / "schema_method.py").write_text(OWN_METHOD)
    monkeypatch.syspath_prepend(tmp_path)
    assert is_valid(keys)
    make_recipe({"output_dir": "x"} | keys)


OWN_METHOD = """
from dataclasses import dataclass
from hf_selfdemo.core.keys import key
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.methods.method import Method

@dataclass
class Keys:
    own_key: int = key(1, "a number", "replies")

METHOD = Method(keys=(Keys,), answerer=lambda keys, max_answer_tokens, seed: PromptAnswerer(max_answer_tokens))
"""


def test_every_key_says_what_it_is_for(schema):
    for key, told in schema["properties"].items():
        assert all(one["description"] and "default" in one for one in told.get("anyOf", [told])), key
    assert schema["properties"]["method"]["anyOf"][0]["enum"] == list(METHODS)


def test_a_method_that_is_added_brings_its_keys(monkeypatch):
    """A row of the table is enough."""
    monkeypatch.setitem(METHODS, "raft_2", METHODS["raft"])
    valid = Draft202012Validator(recipe_schema()).is_valid
    assert valid({"method": "raft_2", "oracle_share": 0.5}) and not valid({"method": "raft_2", "temperature": 1})
