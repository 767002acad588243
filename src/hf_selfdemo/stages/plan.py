"""`hf-selfdemo plan`: what a run will cost, before it is spent.

A few questions are really asked, through the ledger, so that the run itself need not ask them again. Calls of a first
turn are counted exactly; tokens follow from the length of each row's own prompts and what a character cost in the
sample; second turns and judgements from how many a first-turn call brought with it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from hf_selfdemo.config import PlanArguments
from hf_selfdemo.conversation import converse
from hf_selfdemo.demonstrations import judged_row
from hf_selfdemo.errors import UserError
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.manifest import read_json, write_json
from hf_selfdemo.protocols import Strategy
from hf_selfdemo.stages.console import console, progress
from hf_selfdemo.stages.engine import named_model, open_engine, recipe_judge, recipe_strategy
from hf_selfdemo.stages.evidence import recipe_evidence
from hf_selfdemo.stages.prompts import recipe_instructions
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.types import CALL_FAILED, Evidence, Request, Skip, Usage

_COUNTS = ("calls", "prompt_tokens", "cached_tokens", "generated_tokens")

FirstTurns = list[tuple[Evidence, list[Request]]]


def run_plan(recipe: Recipe) -> None:
    """Measure on a sample, print the estimate and leave it in `output_dir/plan.json`."""
    model = named_model(recipe)
    evidence, _ = recipe_evidence(recipe, "train")
    engine, instructions = recipe_instructions(recipe, model, evidence)
    strategy, judge = recipe_strategy(recipe, instructions), recipe_judge(recipe, recipe.judge.judge)
    turns = [(row, requests) for row in evidence if (requests := first_turn(strategy, row))]
    if not turns:
        console.print(f"{len(evidence)} questions, no calls: strategy {recipe.demonstrate.strategy} asks nothing")
        return
    recorded = (engine or open_engine(recipe, model)).generator
    generator = RecordedGenerator(recorded.generator, recorded.ledger)  # an account of the sample alone
    sample = draw(turns, recipe.plan.plan_questions, recipe.demonstrate.demonstrate_seed)
    start = time.perf_counter()
    with progress("measuring", len(sample)) as advance:
        dialogues = (judged_row(row, strategy, judge) for row, _ in sample)
        for judged in converse(dialogues, generator, recipe.engine.window):
            if isinstance(judged.result, Skip) and judged.result.reason == CALL_FAILED:
                raise UserError("a question of the sample could not be asked", judged.result.detail)
            advance(1)
    seconds = time.perf_counter() - start if generator.usage.calls else None
    plan: dict[str, Any] = {"questions": len(evidence), "sample": len(sample)}
    plan |= estimate(turns, sample, generator.usage + generator.reused, seconds)
    path = recipe.output_dir / "plan.json"
    if plan["seconds"] is None and path.exists():  # the sample was in the ledger: an earlier plan took its time
        plan["seconds"] = read_json(path)["seconds"]
    plan["price"] = price(plan["all"], recipe.plan)
    write_json(path, plan)
    _show(plan, path)


def first_turn(strategy: Strategy, row: Evidence) -> list[Request]:
    """What a strategy asks first about a row; nothing is sent."""
    try:
        return list(next(strategy.write(row)))
    except StopIteration:
        return []


def draw(turns: FirstTurns, count: int, seed: int) -> FirstTurns:
    """Rows to measure by: one of those that are asked most, so that every stage is met, and others at random."""
    most = max(turns, key=lambda turn: len(turn[1]))
    others = [turn for turn in turns if turn is not most]
    return [most, *random.Random(seed).sample(others, min(max(count, 1) - 1, len(others)))]


def estimate(turns: FirstTurns, sample: FirstTurns, measured: Usage, seconds: float | None) -> dict[str, Any]:
    """Counts by stage and in all, and seconds, for all rows.

    Args:
        turns: every row with its first-turn requests.
        sample: those of them that were measured.
        measured: what they cost.
        seconds: how long they took; None if nothing had to be asked.
    """
    everything, asked = _requests(turns), _requests(sample)
    stages = {}
    for stage, usage in measured.by_stage.items():
        first = {r.stage for r in asked} & {stage}  # second turns and judgements grow with all first turns
        of_all = [r for r in everything if not first or r.stage == stage]
        of_sample = [r for r in asked if not first or r.stage == stage]
        tokens = _characters(of_all) / _characters(of_sample)
        stages[stage] = {
            name: round(getattr(usage, name) * (len(of_all) / len(of_sample) if name == "calls" else tokens))
            for name in _COUNTS
        }
    scale = _characters(everything) / _characters(asked)
    return {
        "stages": stages,
        "all": {name: sum(stage[name] for stage in stages.values()) for name in _COUNTS},
        "seconds": None if seconds is None else seconds * scale,
    }


def price(counts: dict[str, int], rates: PlanArguments) -> float:
    """What a server charges for the tokens, at rates for a million."""
    cached = rates.price_prompt if rates.price_cached is None else rates.price_cached
    computed = counts["prompt_tokens"] - counts["cached_tokens"]
    spent = computed * rates.price_prompt + counts["cached_tokens"] * cached
    return (spent + counts["generated_tokens"] * rates.price_generated) / 1e6


def _requests(turns: FirstTurns) -> list[Request]:
    return [request for _, requests in turns for request in requests]


def _characters(requests: Sequence[Request]) -> int:
    return sum(len(message["content"]) for request in requests for message in request.messages)


def _show(plan: dict[str, Any], path: Path) -> None:
    title = f"{plan['questions']} questions, estimated from {plan['sample']}"
    table = Table("stage", "calls", "prompt tokens", "of these cached", "generated tokens", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for stage, counts in plan["stages"].items():
        table.add_row(stage, *(f"{counts[name]:,}" for name in _COUNTS))
    table.add_section()
    table.add_row("all", *(f"{plan['all'][name]:,}" for name in _COUNTS))
    Console().print(table)
    if plan["seconds"] is not None:
        minutes = plan["seconds"] / 60
        console.print(f"time: about {minutes / 60:.1f} hours" if minutes > 90 else f"time: about {minutes:.1f} minutes")
    if plan["price"]:
        console.print(f"price: about {plan['price']:,.2f}")
    console.print(f"the sample's calls are kept for the run; the plan is in {path}", markup=False)
