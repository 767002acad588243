"""`hf-selfdemo plan`: estimate the cost and the memory of a run before it starts.

The estimate is measured on a few questions (`plan_sample.py`). With `plan_questions: 0` no model is called and no
weights are loaded: tokens of first turns are estimated from their texts, and every reply is assumed to have its maximum
length. If the questions about documents have not been written yet, the plan is for writing them (`plan_questions.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.console import say, show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_json
from hf_selfdemo.core.types import CALL_FAILED, Evidence, Judged, Skip
from hf_selfdemo.evaluation.predict import rows_asked
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.recipe.documents import documents_folder, written_parts
from hf_selfdemo.recipe.engine import named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.evidence import has_dev, recipe_evidence, with_further_rows
from hf_selfdemo.recipe.made_documents import QUESTIONS
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.columns import recipe_columns
from hf_selfdemo.verbs.demonstrate import refuse_server
from hf_selfdemo.verbs.evaluate import recipe_modes
from hf_selfdemo.verbs.first_turns import FirstTurns, first_turn
from hf_selfdemo.verbs.footprint.fits import (
    CHARACTERS_A_TOKEN,
    Lengths,
    footprint,
    recipe_memory,
    recipe_shape,
    row_lengths,
)
from hf_selfdemo.verbs.gate import BOTH_WAYS
from hf_selfdemo.verbs.operating_point import on_dev
from hf_selfdemo.verbs.plan_questions import plan_questions
from hf_selfdemo.verbs.plan_sample import counted, measured, price
from hf_selfdemo.verbs.plan_tables import answering_table, calls_table, cost_lines, device_lines, memory_table
from hf_selfdemo.verbs.prompts import recipe_instructions


def run_plan(recipe: Recipe) -> None:
    """Print the cost of demonstrating and the memory of each command, and write both to `output_dir/plan.json`.

    For a method that trains nothing, the plan has the calls and the memory of evaluating.
    """
    if written_parts(recipe) and not (documents_folder(recipe) / QUESTIONS).exists():
        return plan_questions(recipe)
    if not recipe.method.method.trains:
        return _plan_answering(recipe)
    refuse_server(recipe)
    unasked = recipe.plan.plan_questions < 1
    known = unasked and recipe.engine.engine == "transformers"
    model = ResolvedModel(recipe.model_name, "", "") if known else named_model(recipe)  # downloads it if needed
    evidence, _ = recipe_evidence(recipe, "train")
    searched = recipe.search.prompts_dir or not unasked  # a prompt search would call the model
    engine, instructions = recipe_instructions(recipe, model, evidence) if searched else (None, {})
    evidence = with_further_rows(recipe, evidence)
    strategy = recipe.method.strategy(recipe.demonstrate.demonstrate_seed, instructions)
    turns = FirstTurns(first_turn(strategy.write(row)) for row in evidence)
    path = recipe.output_dir / "plan.json"
    plan: dict[str, Any] = {"questions": len(evidence), "sample": 0}
    lengths = _lengths(recipe, evidence, turns)
    if turns and unasked:
        plan |= counted(turns, lengths.characters if lengths else CHARACTERS_A_TOKEN)
    elif turns:
        judge = recipe_judge(recipe, recipe.judge.judge)
        opened = engine or open_engine(recipe, model)
        plan |= measured(recipe, opened, evidence, lambda row: judged_row(row, strategy, judge), _failure, turns, path)
    else:
        say(f"{len(evidence)} questions, no calls: method {recipe.method.name} needs no model to demonstrate")
    if turns:
        plan["price"] = price(plan["all"], recipe.plan)
    if lengths:
        plan |= footprint(recipe, evidence, lengths, turns.most, plan.get("all"))
    write_json(path, plan)
    _show(plan, path, recipe)


def _plan_answering(recipe: Recipe) -> None:
    """Print the maximum number of calls of evaluating and of fitting a gate, and the memory, without any call."""
    evidence, _ = recipe_evidence(recipe, "dev" if recipe.evaluate.evaluate_on == "dev" else "test")
    plan: dict[str, Any] = {"questions": len(evidence), "sample": 0, "evaluate_calls": _most_calls(recipe, evidence)}
    say(f"method {recipe.method.name!r} trains nothing: the run only evaluates {len(evidence)} questions")
    show(answering_table(plan["evaluate_calls"], f"{len(evidence)} questions"))
    if recipe.method.method.gated and recipe.evaluate.evaluate_on != "dev" and has_dev(recipe.data):
        dev, _ = recipe_evidence(recipe, "dev")
        plan["gate_calls"] = _most_calls(on_dev(recipe, *BOTH_WAYS), dev)
        show(answering_table(plan["gate_calls"], f"before that, {len(dev)} dev questions to fit the gate"))
    if lengths := _lengths(recipe, evidence, FirstTurns([])):
        memory = recipe_memory(recipe, recipe_shape(recipe), lengths, 0, len(evidence))
        plan["memory_gb"] = {verb: sum(parts.values()) / 1e9 for verb, parts in memory.items()}
        say(f"memory: about {plan['memory_gb']['evaluate']:.2f} GB")
    path = recipe.output_dir / "plan.json"
    write_json(path, plan)
    say(f"the plan is in {path}")


def _most_calls(recipe: Recipe, evidence: Sequence[Evidence]) -> dict[str, dict[str, int]]:
    """The maximum number of calls for these rows, by column and mode."""
    rows = {mode: len(rows_asked(evidence, mode)) for mode in recipe_modes(recipe.evaluate)}
    return {
        column.name: {mode: count * column.answerer.most_calls for mode, count in rows.items()}
        for column in recipe_columns(recipe)
    }


def _lengths(recipe: Recipe, evidence: Sequence[Evidence], turns: FirstTurns) -> Lengths | None:
    """The lengths of the rows; None if the configuration of a server's model cannot be read."""
    try:
        return row_lengths(recipe, evidence, turns)
    except UserError as error:
        if recipe.engine.engine == "transformers":
            raise
        say(f"the memory cannot be estimated: {error}")
        return None


def _failure(judged: Judged) -> str:
    result = judged.result
    return result.detail if isinstance(result, Skip) and result.reason == CALL_FAILED else ""


def _show(plan: dict[str, Any], path: Path, recipe: Recipe) -> None:
    if "all" in plan:
        show(calls_table(plan, "questions"))
    for line in cost_lines(plan, recipe.plan):
        say(line)
    if "memory_gb" in plan:
        show(memory_table(plan))
        for line in device_lines(plan, recipe.plan):
            say(line)
    say(f"the plan is in {path}")
