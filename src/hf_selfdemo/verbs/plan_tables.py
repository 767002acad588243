"""The tables and lines that `hf-selfdemo plan` prints."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table
from rich.text import Text

from hf_selfdemo.core.types import COUNTS
from hf_selfdemo.recipe.command_keys import PlanArguments


def calls_table(plan: Mapping[str, Any], rows: str) -> Table:
    """Make the table of calls and tokens by stage.

    Args:
        plan: the plan, with counts and the size of the sample.
        rows: the kind of rows, such as "questions", under which the plan has their number.
    """
    whence = (
        f"estimated from {plan['sample']}"
        if plan["sample"]
        else "first turns with replies of maximum length, no call made"
    )
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
    """Lines with the time and the price of the calls, if known, and that the sample is cached."""
    if plan.get("seconds") is not None:
        minutes = plan["seconds"] / 60 / keys.device_count
        told = f"{minutes / 60:.1f} hours" if minutes > 90 else f"{minutes:.1f} minutes"
        yield f"time: about {told}" + (f", shared by {keys.device_count} such devices" * (keys.device_count > 1))
    if plan.get("price"):
        yield f"price: about {plan['price']:,.2f}"
    if plan["sample"]:
        yield "the calls of the sample are cached for the run"


def answering_table(calls: Mapping[str, Mapping[str, int]], asked: str) -> Table:
    """Make the table of the maximum number of calls of evaluating, by column and mode.

    Args:
        calls: the number of calls, by column and then by mode.
        asked: the questions, for the title.
    """
    modes = list(next(iter(calls.values())))
    table = Table("column", *(f"calls, {mode}" for mode in modes), title=f"{asked}, at most")
    for column in table.columns[1:]:
        column.justify = "right"
    for name, counts in calls.items():
        table.add_row(Text(name), *(f"{counts[mode]:,}" for mode in modes))
    return table


def memory_table(plan: Mapping[str, Any]) -> Table:
    """Make the table of memory in GB by command and part, as `footprint` estimated it."""
    model, memory = plan["model"], plan["memory_gb"]
    parts = list(dict.fromkeys(part for found in memory.values() for part in found))
    title = f"memory in GB: {model['parameters']:,} parameters, {model['trainable']:,} trained"
    table = Table("command", *(part.replace("_", " ") for part in parts), "all", title=title)
    for column in table.columns[1:]:
        column.justify = "right"
    for verb, found in memory.items():
        sizes = (f"{found[part]:.2f}" if part in found else "" for part in parts)
        table.add_row(verb, *sizes, f"{sum(found.values()):.2f}")
    return table


def device_lines(plan: Mapping[str, Any], keys: PlanArguments) -> Iterator[str]:
    """Lines below the memory table: how tokens were counted, what does not fit the device, and hours."""
    lengths = plan["lengths"]
    yield f"longest training prompt: {lengths['longest_prompt']} tokens, counted by {lengths['source']}"
    if keys.device_memory_gb > 0:
        above = [verb for verb, found in plan["memory_gb"].items() if sum(found.values()) > keys.device_memory_gb]
        fits = f"{', '.join(above)} will not fit" if above else "all fit"
        yield f"peak {plan['peak_gb']:.1f} of {keys.device_memory_gb:g} GB: {fits}"
    if plan["hours"]:
        told = ", ".join(f"{verb} {_told(count)}" for verb, count in plan["hours"].items())
        at = f"an assumed {keys.device_utilisation:.0%} of {keys.device_tflops:g} TFLOP/s"
        at += f" on each of {keys.device_count} devices" * (keys.device_count > 1)
        yield f"computing time at {at}: {told}"


def _told(count: float) -> str:
    """Hours as a short text.

    Example:
        >>> _told(2.31), _told(0.31), _told(0.001)
        ('2.3 h', '19 min', 'under 1 min')
    """
    if count < 1 / 60:
        return "under 1 min"
    return f"{count:.1f} h" if count > 1.5 else f"{count * 60:.0f} min"
