"""What `run` checks before its first stage: everything that would end a later stage when calls are already paid for.

Files that import torch are imported where they are used, so that an error about options or columns comes at once.
"""

from __future__ import annotations

from hf_selfdemo.recipe.aim import refuse_few_dev
from hf_selfdemo.recipe.first_rows import refuse_missing_columns
from hf_selfdemo.recipe.parts import refuse_unnamed
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.trained_retriever import OBJECTIVE


def refuse_early(recipe: Recipe) -> None:
    """Check the sources of all stages, the engine, and the dev questions of an operating point or a gate.

    Raises:
        UserError: naming the file or option.
    """
    method = recipe.method.method
    if recipe.method.in_process:
        from hf_selfdemo.verbs.demonstrate import refuse_server

        refuse_server(recipe)
    if recipe.evaluate.compare:
        return
    evaluated = "dev" if recipe.evaluate.evaluate_on == "dev" else "test"
    parts = ("train", evaluated) if method.trains else (evaluated,)
    refuse_unnamed(recipe, *parts)
    refuse_missing_columns(recipe, *parts)
    made_first = recipe.documents.documents  # then questions and passages may not exist yet
    if method.trains and not made_first and recipe.train.objective != OBJECTIVE:  # it is not followed by an evaluation
        from hf_selfdemo.recipe.evidence import refuse_part

        refuse_part(recipe, evaluated)
    if method.trains and recipe.operating.operating_target is not None:
        refuse_few_dev(recipe)
    if method.gated:
        from hf_selfdemo.verbs.gate import refuse_gate

        refuse_gate(recipe)
        refuse_unnamed(recipe, "dev")
