"""`hf-selfdemo ledger`: show the calls in the generation cache."""

from __future__ import annotations

import time

from rich.table import Table

from hf_selfdemo.core.console import show
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.loading import did_you_mean_file
from hf_selfdemo.recipe.engine import ledger_path
from hf_selfdemo.recipe.recipe import Recipe


def run_ledger(recipe: Recipe) -> None:
    """Print the cached calls and their tokens by model and stage."""
    path = ledger_path(recipe)
    if not path.exists():
        remedy = did_you_mean_file(path, "name its file with --ledger, or its run with --output_dir")
        raise UserError(f"there is no generation cache {path}", remedy)
    table = Table("model", "stage", *_NUMBERS, "first call", "last call", title=str(path))
    for name in _NUMBERS:
        table.columns[2 + _NUMBERS.index(name)].justify = "right"
    rows = Ledger(path).summary()
    for row in rows:
        times = (time.strftime("%Y-%m-%d %H:%M", time.localtime(row[which])) for which in ("first", "last"))
        table.add_row(row["model"], row["stage"], *(f"{row[_KEYS[name]]:,}" for name in _NUMBERS), *times)
    table.add_section()
    table.add_row("all", "", *(f"{sum(row[_KEYS[name]] for row in rows):,}" for name in _NUMBERS), "", "")
    show(table, 140)


_KEYS = {
    "calls": "calls",
    "prompt tokens": "prompt_tokens",
    "cached": "cached_tokens",
    "generated": "generated_tokens",
}
_NUMBERS = tuple(_KEYS)
