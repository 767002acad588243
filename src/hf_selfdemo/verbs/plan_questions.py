"""`hf-selfdemo plan` before the questions about documents are written: the cost of writing them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hf_selfdemo.core.console import say, show
from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import CALL_FAILED
from hf_selfdemo.methods.question_set import drafts_of
from hf_selfdemo.methods.question_writer import Draft
from hf_selfdemo.recipe.engine import named_model, open_engine
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.first_turns import FirstTurns, first_turn
from hf_selfdemo.verbs.footprint.fits import CHARACTERS_A_TOKEN
from hf_selfdemo.verbs.plan_sample import counted, measured, price
from hf_selfdemo.verbs.plan_tables import calls_table, cost_lines
from hf_selfdemo.verbs.questions import recipe_sources, recipe_writer


def plan_questions(recipe: Recipe) -> None:
    """Print the cost of writing and checking the questions, and write it to `output_dir/plan_questions.json`.

    The rest of the run cannot be planned before it is known how many questions are kept.
    """
    writer, passages = recipe_writer(recipe), [source.passage for source in recipe_sources(recipe)]
    turns = FirstTurns(first_turn(writer.write(passage)) for passage in passages)
    path = recipe.output_dir / "plan_questions.json"
    plan: dict[str, Any] = {"passages": len(passages), "sample": 0, "most_calls": len(passages) * writer.most_calls}
    if not turns:
        return say("no question would be written, because question_passes and unanswerable_passes are 0")
    if recipe.plan.plan_questions:
        engine = open_engine(recipe, named_model(recipe))
        plan |= measured(recipe, engine, passages, lambda one: drafts_of(one, writer), _failure, turns, path)
    else:
        plan |= counted(turns, CHARACTERS_A_TOKEN)
    plan["price"] = price(plan["all"], recipe.plan)
    write_json(path, plan)
    show(calls_table(plan, "passages"))
    for line in cost_lines(plan, recipe.plan):
        say(line)
    say(f"at most {plan['most_calls']:,} calls, {writer.most_calls} per passage, without those of a judge")
    say(f"the plan of writing questions is in {path}; run `hf-selfdemo plan` again when they are written")


def _failure(drafts: Sequence[Draft]) -> str:
    return next((draft.dropped for draft in drafts if draft.dropped.startswith(CALL_FAILED)), "")
