"""The reward that a recipe names for `objective: grpo`, and the judge behind it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.prompting.prompts import JUDGED_WITH, templates_hash
from hf_selfdemo.recipe.engine import named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.training.rewards import AbstentionReward


def recipe_reward(recipe: Recipe) -> AbstentionReward:
    """The reward function. A judge that asks a model asks the recipe's own as it was before any training, which is
    loaded beside the one that is trained, or a server; its calls are in the ledger.

    Raises:
        UserError: for an unknown judge, or a tournament.
    """
    keys = recipe.training
    if keys.reward_judge == "tournament":
        raise UserError(
            "reward_judge: a tournament ranks replies, and a reward wants each labelled",
            "use answer_match, llm_label or match_then_llm",
        )
    judge = recipe_judge(recipe, keys.reward_judge)
    asks = keys.reward_judge != "answer_match"
    generator = open_engine(recipe, named_model(recipe)).generator if asks else None
    return AbstentionReward(judge, keys.reward_abstain_value, keys.reward_only_where_none_right, generator)


def reward_settings(recipe: Recipe) -> dict[str, Any]:
    """What decides the labels of a judge that asks a model; nothing for another objective or judge."""
    if recipe.train.objective != "grpo" or recipe.training.reward_judge == "answer_match":
        return {}
    return {"judge_model": named_model(recipe).fingerprint, "judge_templates": templates_hash(JUDGED_WITH)} | asdict(
        recipe.judge
    )
