"""Every number among the keys has a range, and what lies outside it is refused when the recipe is read."""

import dataclasses
import math
from typing import get_args, get_type_hints

import pytest
from trl import ModelConfig, SFTConfig

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import load
from hf_selfdemo.core.ranges import LARGEST, NUMBER, ONE_OR_MORE, REFUSAL_PROMPTS, TRAINING_KEYS, number_keys
from hf_selfdemo.methods import METHODS
from hf_selfdemo.methods.self_demo import PROMPTS
from hf_selfdemo.recipe.implied import First
from hf_selfdemo.recipe.keys import GROUPS as KEYS_OF_ALL
from hf_selfdemo.recipe.keys import OBJECTIVES
from hf_selfdemo.training.arguments import UNHEEDED
from hf_selfdemo.training.parameters import own_config
from hf_selfdemo.training.sft import SelfDemoConfig
from hf_selfdemo.verbs.cli import make_recipe, parse

METHOD_KEYS = {group: name for name in METHODS for group in load("method", name, METHODS).keys}
OWN = [*KEYS_OF_ALL, *METHOD_KEYS]
GROUPS = [*OWN, ModelConfig, *(load("objective", name, OBJECTIVES) for name in OBJECTIVES)]
KINDS = {key: kinds for group in GROUPS for key, kinds in number_keys(group).items()}
RANGE = {key: one for one, keys in TRAINING_KEYS.items() for key in keys.split()}
RANGE |= {f.name: f.metadata["range"] for group in OWN for f in dataclasses.fields(group) if "range" in f.metadata}
METHOD = {f.name: name for group, name in METHOD_KEYS.items() for f in dataclasses.fields(group)}
OBJECTIVE = {
    f.name: name
    for name in reversed(OBJECTIVES)
    for f in dataclasses.fields(load("objective", name, OBJECTIVES))
    if f.init
}
"""The first objective that has a key."""


def recipe(key, value):
    """A recipe with one key, as a file has it."""
    objective = OBJECTIVE.get(key, "sft")
    serving = {name: load("method", name, METHODS).objectives for name in METHODS}
    method = METHOD.get(key) or next(name for name in METHODS if objective in serving[name])
    if serving[method] and objective not in serving[method]:
        objective = serving[method][0]
    return make_recipe({"output_dir": "x", "method": method, "objective": objective, key: value})


def kinds(hint):
    return {hint} if not get_args(hint) else {kind for inner in get_args(hint) for kind in kinds(inner)}


def test_every_key_that_may_be_a_number_has_one_range_and_every_range_is_of_a_key():
    ranged = [key for keys in TRAINING_KEYS.values() for key in keys.split()]
    common = ranged + [f.name for group in KEYS_OF_ALL for f in dataclasses.fields(group) if "range" in f.metadata]
    for name in METHODS:  # two methods may have a key of the same name: a recipe has one method
        own = [f.name for group in load("method", name, METHODS).keys for f in dataclasses.fields(group)]
        assert len(common + own) == len({*common, *own})
    ranged += [f.name for group in OWN for f in dataclasses.fields(group) if "range" in f.metadata]
    hints = {key: hint for group in GROUPS for key, hint in get_type_hints(group).items()}
    names = {f.name for group in GROUPS for f in dataclasses.fields(group) if f.init}
    numbers = {key for key in names if kinds(hints[key]) & {int, float}}
    assert set(ranged) == numbers - UNHEEDED.keys()
    assert len(numbers) > 110


@pytest.mark.parametrize("key", sorted(RANGE))
def test_only_keys_declared_as_whole_numbers_have_whole_ranges(key):
    assert RANGE[key].whole == (not KINDS[key] & {float, list[float]})


def test_every_default_lies_in_its_range():
    for group in GROUPS:
        for f in dataclasses.fields(group):
            default = f.default if f.default_factory is dataclasses.MISSING else f.default_factory()
            if f.name in RANGE and default is not None:
                for number in default if isinstance(default, list) else [default]:
                    RANGE[f.name].check(**{f.name: number})


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, 10 * LARGEST, -10 * LARGEST, True, "many", [1]])
@pytest.mark.parametrize("key", sorted(RANGE))
def test_what_is_no_number_or_out_of_every_range_is_refused_by_name(key, number):
    with pytest.raises(UserError, match=rf"^(an option cannot be used: argument --)?{key}\b[^\n]+$"):
        recipe(key, [number] if list[float] in KINDS[key] else number)


@pytest.mark.parametrize("key", sorted(key for key, one in RANGE.items() if one.whole))
def test_a_broken_number_is_refused_by_name_where_a_whole_one_is_wanted(key):
    with pytest.raises(UserError, match=f"^{key} is 2.5: give a whole number$"):
        recipe(key, 2.5)


@pytest.mark.parametrize("key", sorted(RANGE.keys() - {"f_alpha_divergence_coef"}))
def test_what_lies_below_is_refused_with_the_range(key):
    number = -1.5 if not RANGE[key].whole else -2
    with pytest.raises(UserError, match=f"^{key} is {number}: give "):
        recipe(key, [number] if list[float] in KINDS[key] else number)


@pytest.mark.parametrize(
    ("flag", "said"),
    [
        ("--window=0", "window is 0: give 1 or more"),
        ("--temperature=-1", "temperature is -1: give 0 or more"),
        ("--temperature=nan", "temperature is nan: give 0 or more"),
        ("--temperature=inf", "temperature is inf: give 0 or more, at most 1,000,000,000,000"),
        ("--rag_candidates=-1", "rag_candidates is -1: give 0 or more"),
        ("--max_candidate_tokens=0", "max_candidate_tokens is 0: give 1 or more"),
        ("--refusal_prompts=4", "refusal_prompts is 4: give 1, 2 or 3"),
        ("--bracket_size=10", "bracket_size is 10: give 2 to 9"),
        ("--abstention_weight=nan", "abstention_weight is nan: give 0 or more"),
        ("--seed=-1", "seed is -1: give a whole number from 0 to 4294967295"),
        ("--seed=4294967296", "seed is 4294967296: give a whole number from 0 to 4294967295"),
        ("--per_device_train_batch_size=0", "per_device_train_batch_size is 0: give 1 or more"),
        ("--lora_r=0", "lora_r is 0: give 1 or more"),
        ("--lora_r=2.5", "--lora_r: invalid int value: '2.5'"),
        ("--lora_dropout=1", "lora_dropout is 1: give a share from 0 to below 1"),
        ("--warmup_steps=-0.5", "warmup_steps is -0.5: give 0 or more"),
        ("--logging_steps=-inf", "logging_steps is -inf: give more than 0"),
        ("--eval_steps=0", "eval_steps is 0: give more than 0"),
        ("--held_out_share=1", "held_out_share is 1: give a share from 0 to below 1"),
        ("--server_timeout_s=0", "server_timeout_s is 0: give more than 0"),
        ("--router_aux_loss_coef=inf", "router_aux_loss_coef is inf: give 0 or more, at most"),
        ("--app_port=65536", "app_port is 65536: give a port from 1 to 65535"),
    ],
)
def test_the_command_line_is_looked_at_too(flag, said):
    with pytest.raises(UserError) as refusal:
        parse(["--output_dir=x", flag])
    assert said in str(refusal.value)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("max_length", [1], r"max_length is \[1\]: give a whole number"),
        ("loss_weights", 0.5, "loss_weights is 0.5: give a list of numbers"),
        ("loss_weights", [1.0, math.nan], "loss_weights is nan: give 0 or more"),
        ("held_out_share", [1], r"held_out_share is \[1\]: give a number"),
        ("lora_r", None, "lora_r is None: give a whole number"),
        ("seed", None, "seed is None: give a whole number"),
        ("window", None, "window is None: give a whole number"),
        ("window", 16.0, r"window is 16\.0: give a whole number"),
        ("num_train_epochs", 10**400, "num_train_epochs is 1"),
    ],
)
def test_what_a_file_alone_can_hold_is_refused_by_name(key, value, said):
    with pytest.raises(UserError, match=f"^{said}"):
        recipe(key, value)


@pytest.mark.parametrize(("key", "value"), [("max_length", None), ("neftune_noise_alpha", None), ("data_seed", None)])
def test_none_stands_where_a_key_may_have_no_number(key, value):
    assert getattr(recipe(key, value).training, key) is value


def test_text_that_is_a_number_is_one_as_yaml_reads_1e_4_as_a_text():
    assert recipe("learning_rate", "1e-4").training.learning_rate == 1e-4


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_a_configuration_that_is_made_by_hand_is_looked_at_too(objective):
    with pytest.raises(UserError, match=r"^per_device_train_batch_size is 0: give 1 or more$"):
        load("objective", objective, OBJECTIVES)(output_dir="x", per_device_train_batch_size=0)


def test_what_is_read_first_has_the_same_ranges():
    assert number_keys(First).keys() <= RANGE.keys()


def test_there_are_as_many_prompts_as_may_be_asked_for():
    assert REFUSAL_PROMPTS.holds(PROMPTS) and not REFUSAL_PROMPTS.holds(PROMPTS + 1)


def test_a_range_takes_numbers_of_other_libraries():
    import numpy

    ONE_OR_MORE.check(window=numpy.int64(3))
    NUMBER.check(share=numpy.float32(0.5))
    with pytest.raises(UserError, match=r"window is 2\.5: give a whole number"):
        ONE_OR_MORE.check(window=2.5)


@pytest.mark.parametrize(
    ("key", "said"), [("max_length", "1 or more"), ("seed", "a whole number from 0 to 4294967295")]
)
def test_a_configuration_of_trls_that_a_trainer_is_given_is_looked_at_too(key, said):
    with pytest.raises(UserError, match=f"^{key} is -1: give {said}$"):
        own_config(SFTConfig(output_dir="x", report_to=[], bf16=False, **{key: -1}), SelfDemoConfig, None, "SFT")
