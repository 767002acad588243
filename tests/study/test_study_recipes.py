"""The rows of a study differ in how they are made and in nothing else."""

import dataclasses
from pathlib import Path

import pytest
import yaml

from hf_selfdemo.methods import METHODS as METHOD_TABLE
from hf_selfdemo.methods.method import find_method

RECIPES = Path(__file__).parents[2] / "recipes"
STUDIES = ("study", "study_1_5b")

OF_A_ROW = {
    *("output_dir", "method", "train_twins", "seed"),
    *("rag_candidates", "closed_book_candidates", "refusal_candidates", "temperature", "greedy_first"),
    *("max_candidate_tokens", "abstain_when", "max_abstain_share", "pair_policy", "gold_fallback", "oracle_share"),
    *("objective", "loss_type", "pair_abstain_ratio", "start_from", "train_tokens", "learning_rate"),
    "closed_book_share",
    *("per_device_train_batch_size", "gradient_accumulation_steps", "max_steps", "save_steps", "logging_steps"),
    *("lr_scheduler_type", "train_sampling_strategy", "num_generations", "max_completion_length"),
    *("reward_abstain_value", "reward_only_where_none_right", "reply_form"),
}
"""Keys that make a row what it is."""

OF_CANDIDATES = {key for key in OF_A_ROW if key.endswith(("_candidates", "_tokens")) and key != "train_tokens"}
OF_CANDIDATES |= {"train_twins", "temperature", "greedy_first"}
"""Keys that decide what is written before anything is chosen: the rows that have them share these calls."""


def recipes(study):
    return {path.stem: yaml.safe_load(path.read_text()) for path in sorted((RECIPES / study).glob("*.yaml"))}


@pytest.mark.parametrize("study", STUDIES)
def test_rows_are_asked_the_same_of_the_same_model(study):
    shared = {name: {k: v for k, v in keys.items() if k not in OF_A_ROW} for name, keys in recipes(study).items()}
    first = shared["self_demo"]
    assert first["ledger"] == f"runs/{study}/ledger.sqlite" and first["index_dir"] == f"runs/{study}/index"
    for name, keys in shared.items():
        assert keys == first, name


@pytest.mark.parametrize("study", STUDIES)
def test_rows_of_self_demonstrations_choose_among_the_same_candidates(study):
    every = recipes(study)
    written = {key: every["self_demo"][key] for key in OF_CANDIDATES}
    for name, keys in every.items():
        assert keys["output_dir"] == f"runs/{study}/{name}-0"
        if "rag_candidates" in keys:
            assert {key: keys.get(key) for key in OF_CANDIDATES} == written, name


@pytest.mark.parametrize("study", STUDIES)
def test_supervised_rows_have_one_budget_and_one_learning_rate(study):
    supervised = [keys for keys in recipes(study).values() if "objective" not in keys]
    assert len(supervised) >= 3
    for key in ("train_tokens", "learning_rate", "per_device_train_batch_size"):
        assert len({keys[key] for keys in supervised}) == 1, key


METHODS = {path.stem: yaml.safe_load(path.read_text()) for path in sorted((RECIPES / "all_methods").glob("*.yaml"))}
ALONE = "invar_rag_retriever"
"""The only recipe that is not put on top of another: its objective has no budget of tokens."""

OF_A_METHOD = OF_A_ROW | {"retriever", "retriever_model", "max_document_rows", "rollout_temperature", "adapters"}
"""Options of a row besides those of its method alone."""


def own_options(keys):
    groups = find_method(keys["method"]).keys
    return {field.name for group in groups for field in dataclasses.fields(group)}


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {ALONE}))
def test_a_row_of_all_methods_sets_nothing_but_what_makes_it(name):
    keys = METHODS[name]
    assert keys.keys() <= OF_A_METHOD | own_options(keys)
    assert keys["output_dir"] == f"runs/all_methods/{name}-0"
    assert not {"train_tokens", "per_device_train_batch_size"} & keys.keys(), "one budget, one batch"
    if keys.get("objective", "sft") == "sft":
        assert "learning_rate" not in keys, "one learning rate for supervised rows"


def test_the_recipe_that_stands_alone_asks_the_same_questions_of_the_same_model():
    differs = {
        *("output_dir", "method", "passages_per_question", "dev_twins", "test_twins", "on_policy_rows", "train_tokens"),
        *("learning_rate", "train_sampling_strategy", "eval_strategy", "meter_rows", "logging_steps"),
        *("max_answer_tokens", "evaluate_plain", "operating_target"),
    }
    base, alone = recipes("study")["ra_it"], METHODS[ALONE]
    assert {key: alone.get(key) for key in base.keys() - differs} == {key: base[key] for key in base.keys() - differs}


def test_rows_of_all_methods_that_are_in_the_study_are_made_as_there():
    study = recipes("study")
    for name in ("ra_it", "raft", "self_demo"):
        assert {**study["ra_it"], **METHODS[name]} == {
            "method": "self_demo",
            **study[name],
            "output_dir": f"runs/all_methods/{name}-0",
        }


def test_every_row_of_the_tables_has_a_recipe_and_every_recipe_a_row():
    labels = yaml.safe_load((RECIPES.parent / "results/all_methods/systems.yaml").read_text())
    assert labels.keys() - {"base", "base_may_decline"} == METHODS.keys() - {ALONE}
    assert {METHODS[name]["method"] for name in METHODS} == set(METHOD_TABLE)
