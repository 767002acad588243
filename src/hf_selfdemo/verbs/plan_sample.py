"""Estimate the calls and tokens of a run from a sample of its dialogues, or from first turns alone.

The calls of the sample are cached, so the run does not make them again. Calls of first turns are counted exactly. Their
tokens follow from the characters of each row's prompts and the tokens per character in the sample. Second turns and
judgements follow from their number per first-turn call in the sample.
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
    """Run a sample of the dialogues, and estimate the cost of all.

    Args:
        recipe: the recipe, for the size of the sample and its seed.
        engine: the engine that replies.
        rows: all rows.
        dialogue: makes the dialogue of a row.
        failure: returns why a call failed, from the result of a dialogue; "" if none failed.
        turns: first turns of all rows.
        path: file of an earlier plan, from which the time is taken if all calls of the sample are cached.

    Raises:
        UserError: if a call failed.
    """
    generator = RecordedGenerator(
        engine.generator.generator, engine.generator.ledger
    )  # counts the usage of the sample only
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
    if seconds is None and path.exists():  # the sample was cached: an earlier plan measured the time
        made["seconds"] = read_json(path, Plan).get("seconds")
    return made


def estimate(turns: FirstTurns, sample: FirstTurns, measured: Usage, seconds: float | None) -> dict[str, Any]:
    """Extrapolate counts by stage, total counts and seconds from the sample to all rows.

    Args:
        turns: first turns of all rows.
        sample: first turns of the sample.
        measured: usage of the sample.
        seconds: time of the sample; None if all of its calls were cached.
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
    """Estimate counts by stage and total counts of all first turns without calls. Common prefixes count as cached.

    Args:
        turns: first turns of all rows.
        characters: characters per token.

    Returns:
        The same as `estimate`, without seconds. Each reply counts with its maximum length, so generated tokens are an
        upper bound. Second turns and calls of a judge depend on replies and are not included.
    """
    stages = turns.counted(characters)
    return {"stages": stages, "all": _summed(stages), "seconds": None}


def price(counts: dict[str, int], rates: PlanArguments) -> float:
    """The price of the tokens, at rates per million tokens."""
    cached = rates.price_prompt if rates.price_cached is None else rates.price_cached
    computed = counts["prompt_tokens"] - counts["cached_tokens"]
    spent = computed * rates.price_prompt + counts["cached_tokens"] * cached
    return (spent + counts["generated_tokens"] * rates.price_generated) / 1e6


def _summed(stages: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    return {name: sum(stage[name] for stage in stages.values()) for name in COUNTS}
