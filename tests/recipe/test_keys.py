"""Which keys a recipe may have: unique, of the right objective, and what follows from some of them."""

import dataclasses
from collections import Counter
from typing import get_args

import pytest

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import Decides
from hf_selfdemo.core.loading import load
from hf_selfdemo.methods import METHODS
from hf_selfdemo.recipe.keys import GROUPS, OBJECTIVES
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.cli import make_recipe, parse

DEV = ["--dev_questions", "embedded"]


def recipe(*flags):
    return parse(["--output_dir=x", *flags])


METHOD_KEYS = {name: load("method", name, METHODS).keys for name in METHODS}


@pytest.mark.parametrize("group", [*GROUPS, *(group for keys in METHOD_KEYS.values() for group in keys)])
def test_each_key_says_what_it_is_for_and_what_it_decides(group):
    for f in dataclasses.fields(group):
        assert f.metadata["help"].strip(), f.name
        assert f.metadata["decides"] in get_args(Decides), f.name


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("objective", OBJECTIVES)
def test_no_two_groups_share_a_key(objective, method):
    groups = [*GROUPS, *METHOD_KEYS[method], load("objective", objective, OBJECTIVES)]
    names = Counter(f.name for group in groups for f in dataclasses.fields(group) if f.init)
    assert len(names) > 200 and not [name for name, count in names.items() if count > 1]


def test_groups_stand_in_the_order_of_the_recipe():
    found = recipe("--num_rounds=3", "--predictions_shown=2", "--lora_r=5", "--seed=7", "--dev_twins=4")
    assert (found.train.num_rounds, found.evaluate.predictions_shown, found.model.lora_r) == (3, 2, 5)
    assert (found.training.seed, found.retrieval.dev_twins) == (7, 4)
    assert [f.name for f in dataclasses.fields(Recipe)][-2:] == ["training", "implied"]


def test_the_objective_chooses_the_training_configuration():
    assert type(recipe().training).__name__ == "SelfDemoConfig"
    found = recipe("--objective=dpo", "--beta=0.3")
    assert type(found.training).__name__ == "SelfDemoDPOConfig" and found.training.beta == 0.3
    assert type(make_recipe({"output_dir": "x", "objective": "dpo"}).training).__name__ == "SelfDemoDPOConfig"
    assert type(make_recipe({"output_dir": "x", "objective": "dpo"}, ["--objective=sft"]).training).__name__ == (
        "SelfDemoConfig"
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--objective=dop"], "unknown objective 'dop': did you mean 'dpo'?"),
        (["--beta=0.3"], "option --beta belongs to objective 'dpo', but objective is 'sft': leave it out"),
        (["--objective=dpo", "--packing"], "option --packing belongs to objective 'sft', but objective is 'dpo'"),
        (["--objective=dpo", "--bta=1"], "unknown option --bta: did you mean 'beta'?"),
        (["--load_best_model_at_end=true"], "load_best_model_at_end is True, but there are no dev_questions"),
        (["--metric_for_best_model=f_score"], "metric_for_best_model is 'f_score', but there are no dev_questions"),
        (["--early_stopping_patience=2"], "early_stopping_patience is 2, but there are no dev_questions"),
        (["--eval_strategy=epoch"], "eval_strategy is 'epoch', but there are no dev_questions"),
        (
            [*DEV, "--eval_strategy=no", "--early_stopping_patience=2"],
            "early_stopping_patience is 2, but eval_strategy",
        ),
        (
            [*DEV, "--load_best_model_at_end=true", "--save_strategy=steps"],
            "eval_strategy is 'epoch' and save_strategy 'steps': leave save_strategy out, or set it to 'epoch'",
        ),
        ([*DEV, "--load_best_model_at_end=true", "--eval_strategy=steps"], "eval_steps is not set"),
        (["--num_rounds=many"], "num_rounds"),
        (["--max_refusal_rise=much"], "max_refusal_rise"),
    ],
)
def test_contradictions_are_refused_by_name(flags, message):
    with pytest.raises(UserError, match=r"^[^\n]+$") as refusal:
        recipe(*flags)
    assert message in str(refusal.value)


def test_a_key_of_the_other_objective_in_a_file_is_refused_too():
    with pytest.raises(UserError, match="recipe option 'beta' belongs to objective 'dpo'"):
        make_recipe({"output_dir": "x", "beta": 0.3})


@pytest.mark.parametrize(
    ("key", "value", "wanted"),
    [
        ("dev_questions", "mine.jsonl", r"a list, \[mine\.jsonl\]"),
        ("max_dev_questions", "all", "max_dev_questions"),
        ("dev_twins", 0.5, "a whole number"),
        ("start_from", 3, "a text"),
        ("num_rounds", 1.5, "a whole number"),
        ("max_refusal_rise", [1], "a number"),
    ],
)
def test_values_of_the_wrong_kind_are_refused_by_name(key, value, wanted):
    with pytest.raises(UserError, match=wanted) as refusal:
        make_recipe({"output_dir": "x", key: value})
    assert key in str(refusal.value)


@pytest.mark.parametrize(
    ("flags", "implied"),
    [
        ([], {}),
        (DEV, {"eval_strategy": "epoch", "metric_for_best_model": "f_score"}),
        (["--held_out_share=0.2"], {"eval_strategy": "epoch", "metric_for_best_model": "f_score"}),
        ([*DEV, "--eval_strategy=no"], {}),
        (
            [*DEV, "--dev_modes", "closed_book"],
            {"eval_strategy": "epoch", "metric_for_best_model": "closed_book_f_score"},
        ),
        (
            [*DEV, "--load_best_model_at_end=true", "--metric_for_best_model=accuracy"],
            {"eval_strategy": "epoch", "save_strategy": "epoch"},
        ),
        (
            [*DEV, "--early_stopping_patience=2", "--save_strategy=epoch"],
            {"eval_strategy": "epoch", "metric_for_best_model": "f_score", "load_best_model_at_end": True},
        ),
        (
            [*DEV, "--eval_strategy=steps", "--eval_steps=3", "--load_best_model_at_end=true"],
            {"metric_for_best_model": "f_score", "save_strategy": "steps", "save_steps": 3},
        ),
    ],
)
def test_what_was_not_given_follows_from_what_was(flags, implied):
    found = recipe(*flags)
    assert found.implied == implied
    for key, value in implied.items():
        assert getattr(found.training, key) == value


def test_a_plain_no_in_yaml_is_a_strategy():
    found = make_recipe({"output_dir": "x", "dev_questions": ["embedded"], "eval_strategy": False})
    assert found.training.eval_strategy == "no"


@pytest.mark.parametrize(("flags", "rate"), [([], "0.0002"), (["--objective=dpo"], "5.5e-06")])
def test_help_lists_the_keys_of_every_objective_under_headings(flags, rate, capsys):
    with pytest.raises(SystemExit) as end:
        parse([*flags, "--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    for text in (
        "--max_refusal_rise",
        "--packing",
        "--beta",
        "--lora_r",
        "objective sft only:",
        "objective dpo only:",
        "objective grpo only:",
    ):
        assert text in said
    assert f"peak learning rate (default: {rate})" in said
