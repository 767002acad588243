"""Writing the files of a report into one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hf_selfdemo.core.manifest import write_json, write_text
from hf_selfdemo.evaluation.report.comparison import Comparison
from hf_selfdemo.evaluation.report.examples import choose_examples
from hf_selfdemo.evaluation.report.figures import report_figures
from hf_selfdemo.evaluation.report.page import report_page
from hf_selfdemo.evaluation.report.table import markdown_table


def write_figures(folder: Path, comparison: Comparison, seed: int = 0) -> dict[str, Any]:
    """Write `table.md` and `figures.json`.

    Args:
        folder: the output folder, which is created if needed.
        comparison: the models to compare.
        seed: seed of every bootstrap.

    Returns:
        The content of `figures.json`.
    """
    found = report_figures(comparison, seed)
    write_text(folder / "table.md", f"{comparison.title}\n\n{markdown_table(comparison.runs, comparison.asking)}")
    write_json(folder / "figures.json", found)
    return found


def write_page(folder: Path, figures: Mapping[str, Any], comparison: Comparison, seed: int = 0) -> Path:
    """Write `report.html`, a self-contained page that can be shared. It shows some of the rows.

    Args:
        folder: the output folder.
        figures: result of `write_figures`, perhaps with the figures of the `ability` check.
        comparison: the models to compare.
        seed: seed for the choice of rows.

    Returns:
        The path of the page.
    """
    path = folder / "report.html"
    write_text(path, report_page(figures, choose_examples(comparison, seed=seed)))
    return path
