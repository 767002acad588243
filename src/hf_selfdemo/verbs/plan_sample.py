"""Calls and tokens of a whole run, from a few dialogues that are really held, or from first turns alone.

The sample goes through the ledger, so the run does not pay for its calls again. Calls of first turns are counted
exactly. Tokens follow from the length of each row's own prompts and what a character cost in the sample; second turns
and judgements from how many came with each first-turn call.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from hf_selfdemo.core.artefacts import Plan
from hf_selfdemo.core.console import progress
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import COUNTS, Dialogue, Usage
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.recipe.command_keys import PlanArguments
from hf_selfdemo.recipe.engine import Engine
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.first_turns import FirstTurns, first_turn

T = TypeVar("T")
R = TypeVar("R")


def measured(
    recipe: Recipe,
    engine: Engine,
    rows: Sequence[T],
    dialogue: Callable[[T], Dialogue[R]],
    failure: Callable[[R], str],
    turns: FirstTurns,
    path: Path,
) -> dict[str, Any]:
    """Hold a few dialogues, and estimate all by them.

    Args:
        recipe: with the size of the sample and its seed.
        engine: who is asked.
        rows: all rows.
        dialogue: what is asked about a row.
        failure: tells from its result why a call failed; "" if none did.
        turns: first turns of all rows.
        path: of an earlier plan; where the sample is in the ledger already, the time is taken from there.

    Raises:
        UserError: if a call failed.
    """
    generator = RecordedGenerator(engine.generator.generator, engine.generator.ledger)  # an account of the sample alone
    sample = [rows[place] for place in turns.draw(recipe.plan.plan_questions, recipe.demonstrate.demonstrate_seed)]
    start = time.perf_counter()
    with progress("measuring", len(sample)) as advance:
        for found in converse(map(dialogue, sample), generator, recipe.engine.window):
            if why := failure(found):
                raise UserError("a call of the sample failed", why)
            advance(1)
    seconds = time.perf_counter() - start if generator.usage.calls else None
    asked = FirstTurns(first_turn(dialogue(row)) for row in sample)
    made = {"sample": len(sample)} | estimate(turns, asked, generator.usage + generator.reused, seconds)
    if seconds is None and path.exists():  # the sample was in the ledger: an earlier plan took its time
        made["seconds"] = read_json(path, Plan).get("seconds")
    return made


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
