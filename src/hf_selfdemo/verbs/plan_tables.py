"""What `hf-selfdemo plan` shows of what it found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from hf_selfdemo.core.types import COUNTS
from hf_selfdemo.recipe.command_keys import PlanArguments


def calls_table(plan: Mapping[str, Any], rows: str) -> Table:
    """Calls and tokens by stage.

    Args:
        plan: with counts and the size of the sample.
        rows: what is asked about, such as "questions": the plan counts them under this name.
    """
    whence = f"estimated from {plan['sample']}" if plan["sample"] else "first turns and longest replies, none asked"
    title = f"{plan[rows]} {rows}, {whence}"
    table = Table("stage", "calls", "prompt tokens", "of these cached", "generated tokens", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for stage, counts in plan["stages"].items():
        table.add_row(stage, *(f"{counts[name]:,}" for name in COUNTS))
    table.add_section()
    table.add_row("all", *(f"{plan['all'][name]:,}" for name in COUNTS))
    return table


def cost_lines(plan: Mapping[str, Any], keys: PlanArguments) -> Iterator[str]:
    """Time and price of the calls, where they are known, and what becomes of the sample."""
    if plan.get("seconds") is not None:
        minutes = plan["seconds"] / 60 / keys.device_count
        told = f"{minutes / 60:.1f} hours" if minutes > 90 else f"{minutes:.1f} minutes"
        yield f"time: about {told}" + (f", shared by {keys.device_count} such devices" * (keys.device_count > 1))
    if plan.get("price"):
        yield f"price: about {plan['price']:,.2f}"
    if plan["sample"]:
        yield "the sample's calls are kept for the run"


def answering_table(calls: Mapping[str, Mapping[str, int]], asked: str) -> Table:
    """The most calls that evaluating takes, by column and mode.

    Args:
        calls: by column, then by mode.
        asked: what is asked, for the title.
    """
    modes = list(next(iter(calls.values())))
    table = Table("column", *(f"calls, {mode}" for mode in modes), title=f"{asked}, at most")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in calls.items():
        table.add_row(Text(name), *(f"{counts[mode]:,}" for mode in modes))
    return table


def memory_table(plan: Mapping[str, Any]) -> Table:
    """Gigabytes by verb and part, as `footprint` found them."""
    model, memory = plan["model"], plan["memory_gb"]
    parts = list(dict.fromkeys(part for found in memory.values() for part in found))
    title = f"memory in GB: {model['parameters']:,} parameters, {model['trainable']:,} trained"
    table = Table("verb", *(part.replace("_", " ") for part in parts), "all", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for verb, found in memory.items():
        sizes = (f"{found[part]:.2f}" if part in found else "" for part in parts)
        table.add_row(verb, *sizes, f"{sum(found.values()):.2f}")
    return table


def device_lines(plan: Mapping[str, Any], keys: PlanArguments) -> Iterator[str]:
    """What is to be said below the table: by what tokens were counted, what does not fit, and hours."""
    lengths = plan["lengths"]
    yield f"longest training prompt {lengths['longest_prompt']} tokens, by {lengths['source']}"
    if keys.device_memory_gb > 0:
        above = [verb for verb, found in plan["memory_gb"].items() if sum(found.values()) > keys.device_memory_gb]
        fits = f"{', '.join(above)} will not fit" if above else "all fit"
        yield f"peak {plan['peak_gb']:.1f} of {keys.device_memory_gb:g} GB: {fits}"
    if plan["hours"]:
        told = ", ".join(f"{verb} {_told(count)}" for verb, count in plan["hours"].items())
        at = f"an assumed {keys.device_utilisation:.0%} of {keys.device_tflops:g} TFLOP/s"
        at += f" on each of {keys.device_count} devices" * (keys.device_count > 1)
        yield f"time of the arithmetic alone, at {at}: {told}"


def _told(count: float) -> str:
    """Hours in a few letters.

    Example:
        >>> _told(2.31), _told(0.31), _told(0.001)
        ('2.3 h', '19 min', 'under 1 min')
    """
    if count < 1 / 60:
        return "under 1 min"
    return f"{count:.1f} h" if count > 1.5 else f"{count * 60:.0f} min"
