"""The rows of a study differ in how they are made and in nothing else."""

from pathlib import Path

import pytest
import yaml

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
