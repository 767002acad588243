"""The rewards of `objective: grpo`, by a judge or by the critics of a method."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.prompting.prompts import JUDGED_WITH, templates_hash
from hf_selfdemo.recipe.engine import named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.own_code import own_sources
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.training.rewards import AbstentionReward


def recipe_rewards(recipe: Recipe) -> dict[str, Any]:
    """The trainer arguments of GRPO's rewards: a method's sessions or the reward function; {} for other objectives.

    Raises:
        UserError: for an unknown judge, a tournament, or critics that cannot be made.
    """
    if recipe.train.objective != "grpo":
        return {}
    sessions = recipe.method.sessions()
    return {"reward_funcs": recipe_reward(recipe)} if sessions is None else {"sessions": sessions}


def recipe_reward(recipe: Recipe) -> AbstentionReward:
    """Make the reward function.

    A judge that needs a model uses the recipe's model before any training, loaded in addition to the one that is
    trained, or a server. Its calls are in the generation cache.

    Raises:
        UserError: for an unknown judge, or a tournament.
    """
    keys = recipe.training
    if keys.reward_judge == "tournament":
        raise UserError(
            "reward_judge is tournament, which ranks replies and does not label them as a reward needs",
            "use answer_match, llm_label or match_then_llm",
        )
    judge = recipe_judge(recipe, keys.reward_judge)
    asks = keys.reward_judge != "answer_match"
    generator = open_engine(recipe, named_model(recipe)).generator if asks else None
    return AbstentionReward(judge, keys.reward_abstain_value, keys.reward_only_where_none_right, generator)


def reward_settings(recipe: Recipe) -> dict[str, Any]:
    """The settings that decide the rewards: those of a method's sessions, or of a judge that needs a model; else {}."""
    if recipe.train.objective != "grpo":
        return {}
    if (sessions := recipe.method.sessions()) is not None:
        return dict(sessions.settings)
    if recipe.training.reward_judge == "answer_match":
        return {}
    return {"judge_model": named_model(recipe).fingerprint, "judge_templates": templates_hash(JUDGED_WITH)} | {
        **asdict(recipe.judge),
        **own_sources(reward_judge=recipe.training.reward_judge),
    }
