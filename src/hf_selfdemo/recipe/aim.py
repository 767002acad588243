"""The operating point that a recipe asks for."""

from __future__ import annotations

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.parts import has_dev, part_of, sampled_questions
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.scoring.certified import rows_needed
from hf_selfdemo.scoring.operating_point import Aim

_FEWEST_ROWS = 10
"""Rows below which no confidence can be fitted: it needs 5 right replies and 5 wrong ones (`scoring.confidence`)."""


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


def refuse_few_dev(recipe: Recipe) -> None:
    """Check that there are enough dev questions for the recipe's operating point, before any call is paid for.

    Half of the dev questions fit the confidence, and the other half gives the bound. The replies may show later that
    more are needed.

    Raises:
        UserError: for what `recipe_aim` rejects, or if there are too few dev questions whatever the model replies.
    """
    aim, part = recipe_aim(recipe), part_of(recipe, "dev")
    if recipe.documents.documents:  # their questions may not be written yet
        return
    rows = 2 if part.twins else 1  # of a question; a twin helps to fit, but a bound counts each question once
    needed = -(-_FEWEST_ROWS // rows)
    if aim.limit is not None:
        needed = max(needed, rows_needed(aim.limit, aim.level))
    found = len(sampled_questions(part))
    if found < 2 * needed:
        what = f"there are {found} dev questions, but an operating point for {aim.words()} needs {2 * needed} or more"
        raise UserError(what, "add dev questions, or leave operating_target out")
