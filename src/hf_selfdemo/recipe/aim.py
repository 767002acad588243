"""The operating point that a recipe asks for."""

from __future__ import annotations

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.parts import has_dev
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.scoring.operating_point import Aim


def recipe_aim(recipe: Recipe) -> Aim:
    """Read the target of the operating point from a recipe.

    Raises:
        UserError: if no target is set, there are no dev questions, or options contradict each other.
    """
    keys = recipe.operating
    if keys.operating_target is None:
        raise UserError("operating_target is not set", "set it, e.g. --operating_target f_score")
    if not has_dev(recipe.data):
        raise UserError(
            "there are no dev questions to choose an operating point on", "set dev_questions or held_out_share"
        )
    return Aim(
        keys.operating_target,
        keys.operating_limit,
        keys.operating_level,
        keys.operating_abstain_value,
        keys.operating_seed,
    )
