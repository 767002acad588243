"""`hf-selfdemo plan`: what a run will cost and need, before it is spent.

A few questions are really asked, through the ledger, so that the run itself need not ask them again. Calls of a first
turn are counted exactly; tokens follow from the length of each row's own prompts and what a character cost in the
sample; second turns and judgements from how many a first-turn call brought with it. With `plan_questions: 0` nothing is
asked and no weights are loaded: first turns are counted by their texts, and every reply as long as it may get.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import Plan
from hf_selfdemo.core.console import progress, say, show
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json, write_json
from hf_selfdemo.core.protocols import Strategy
from hf_selfdemo.core.types import CALL_FAILED, COUNTS, Evidence, Skip, Usage
from hf_selfdemo.evaluation.predict import rows_asked
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.recipe.config import PlanArguments
from hf_selfdemo.recipe.engine import Engine, named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.evidence import recipe_evidence, with_further_rows
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
from hf_selfdemo.verbs.plan_tables import answering_table, calls_table, device_lines, memory_table
from hf_selfdemo.verbs.prompts import recipe_instructions


def run_plan(recipe: Recipe) -> None:
    """Print what demonstrating costs, what each verb needs, and leave it in `output_dir/plan.json`.

    Of a method that trains nothing it is told how many calls evaluating takes.
    """
    if not recipe.method.method.trains:
        return _plan_answering(recipe)
    refuse_server(recipe)
    unasked = recipe.plan.plan_questions < 1
    known = unasked and recipe.engine.engine == "transformers"
    model = ResolvedModel(recipe.model_name, "", "") if known else named_model(recipe)  # fetches it where need be
    evidence, _ = recipe_evidence(recipe, "train")
    searched = recipe.search.prompts_dir or not unasked  # looking for prompts would ask the model
    engine, instructions = recipe_instructions(recipe, model, evidence) if searched else (None, {})
    evidence = with_further_rows(recipe, evidence)
    strategy = recipe.method.strategy(recipe.demonstrate.demonstrate_seed, instructions)
    turns = FirstTurns(first_turn(strategy, row) for row in evidence)
    path = recipe.output_dir / "plan.json"
    plan: dict[str, Any] = {"questions": len(evidence), "sample": 0}
    lengths = _lengths(recipe, evidence, turns)
    if turns and unasked:
        plan |= counted(turns, lengths.characters if lengths else CHARACTERS_A_TOKEN)
    elif turns:
        plan |= _measured(recipe, engine or open_engine(recipe, model), strategy, evidence, turns, path)
    else:
        say(f"{len(evidence)} questions, no calls: method {recipe.method.name} asks nothing")
    if turns:
        plan["price"] = price(plan["all"], recipe.plan)
    if lengths:
        plan |= footprint(recipe, evidence, lengths, turns.most, plan.get("all"))
    write_json(path, plan)
    _show(plan, path, recipe)


def _plan_answering(recipe: Recipe) -> None:
    """Calls of evaluating, at most, and memory; nothing is asked."""
    evidence, _ = recipe_evidence(recipe, "dev" if recipe.evaluate.evaluate_on == "dev" else "test")
    columns, modes = recipe_columns(recipe), recipe_modes(recipe.evaluate)
    rows = {mode: len(rows_asked(evidence, mode)) for mode in modes}
    calls: dict[str, dict[str, int]] = {
        column.name: {mode: rows[mode] * column.answerer.most_calls for mode in modes} for column in columns
    }
    plan: dict[str, Any] = {"questions": len(evidence), "sample": 0, "evaluate_calls": calls}
    say(f"method {recipe.method.name!r} trains nothing: evaluating {len(evidence)} questions is all")
    show(answering_table(calls, len(evidence)))
    if lengths := _lengths(recipe, evidence, FirstTurns([])):
        memory = recipe_memory(recipe, recipe_shape(recipe), lengths, 0, len(evidence))
        plan["memory_gb"] = {verb: sum(parts.values()) / 1e9 for verb, parts in memory.items()}
        say(f"memory: about {plan['memory_gb']['evaluate']:.2f} GB")
    path = recipe.output_dir / "plan.json"
    write_json(path, plan)
    say(f"the plan is in {path}")


def _lengths(recipe: Recipe, evidence: Sequence[Evidence], turns: FirstTurns) -> Lengths | None:
    """Lengths of the rows; None where a server's model is not one whose sizes can be read."""
    try:
        return row_lengths(recipe, evidence, turns)
    except UserError as error:
        if recipe.engine.engine == "transformers":
            raise
        say(f"memory is not told: {error}")
        return None


def _measured(
    recipe: Recipe, engine: Engine, strategy: Strategy, evidence: Sequence[Evidence], turns: FirstTurns, path: Path
) -> dict[str, Any]:
    """Ask a few questions, and estimate all by them."""
    judge = recipe_judge(recipe, recipe.judge.judge)
    generator = RecordedGenerator(engine.generator.generator, engine.generator.ledger)  # an account of the sample alone
    places = turns.draw(recipe.plan.plan_questions, recipe.demonstrate.demonstrate_seed)
    sample = [evidence[place] for place in places]
    start = time.perf_counter()
    with progress("measuring", len(sample)) as advance:
        dialogues = (judged_row(row, strategy, judge) for row in sample)
        for judged in converse(dialogues, generator, recipe.engine.window):
            if isinstance(judged.result, Skip) and judged.result.reason == CALL_FAILED:
                raise UserError("a question of the sample could not be asked", judged.result.detail)
            advance(1)
    seconds = time.perf_counter() - start if generator.usage.calls else None
    asked = FirstTurns(first_turn(strategy, row) for row in sample)
    found = {"sample": len(sample)} | estimate(turns, asked, generator.usage + generator.reused, seconds)
    if seconds is None and path.exists():  # the sample was in the ledger: an earlier plan took its time
        found["seconds"] = read_json(path, Plan).get("seconds")
    return found


def estimate(turns: FirstTurns, sample: FirstTurns, measured: Usage, seconds: float | None) -> dict[str, Any]:
    """Counts by stage and in all, and seconds, for all rows.

    Args:
        turns: first turns of all rows.
        sample: of those that were measured.
        measured: what they cost.
        seconds: how long they took; None if nothing had to be asked.
    """
    calls, tokens = turns.calls.total() / sample.calls.total(), turns.characters.total() / sample.characters.total()
    stages = {}
    for stage, usage in measured.by_stage.items():
        first = stage in sample.calls  # second turns and judgements grow with all first turns
        more = turns.calls[stage] / sample.calls[stage] if first else calls
        longer = turns.characters[stage] / sample.characters[stage] if first else tokens
        stages[stage] = {name: round(getattr(usage, name) * (more if name == "calls" else longer)) for name in COUNTS}
    return {"stages": stages, "all": _summed(stages), "seconds": None if seconds is None else seconds * tokens}


def counted(turns: FirstTurns, characters: float) -> dict[str, Any]:
    """Counts by stage and in all of every first turn, asked of nobody; what its prompts share is read once.

    Args:
        turns: first turns of all rows.
        characters: how many make a token.

    Returns:
        As `estimate`, without seconds. A reply counts as long as it may get, so generated tokens are an upper bound;
        second turns and a judge's calls, which depend on replies, are not in it.
    """
    stages = turns.counted(characters)
    return {"stages": stages, "all": _summed(stages), "seconds": None}


def price(counts: dict[str, int], rates: PlanArguments) -> float:
    """What a server charges for the tokens, at rates for a million."""
    cached = rates.price_prompt if rates.price_cached is None else rates.price_cached
    computed = counts["prompt_tokens"] - counts["cached_tokens"]
    spent = computed * rates.price_prompt + counts["cached_tokens"] * cached
    return (spent + counts["generated_tokens"] * rates.price_generated) / 1e6


def _summed(stages: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(stage[name] for stage in stages.values()) for name in COUNTS}


def _show(plan: dict[str, Any], path: Path, recipe: Recipe) -> None:
    if "all" in plan:
        show(calls_table(plan))
    if plan.get("seconds") is not None:
        minutes = plan["seconds"] / 60
        say(f"time: about {minutes / 60:.1f} hours" if minutes > 90 else f"time: about {minutes:.1f} minutes")
    if plan.get("price"):
        say(f"price: about {plan['price']:,.2f}")
    if "memory_gb" in plan:
        show(memory_table(plan))
        for line in device_lines(plan, recipe.plan):
            say(line)
    kept = "the sample's calls are kept for the run; " if plan["sample"] else ""
    say(f"{kept}the plan is in {path}")
