"""The report's files, side by side in one folder."""

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
        folder: where to; made if it is not there.
        comparison: what is compared.
        seed: of every bootstrap.

    Returns:
        What `figures.json` holds.
    """
    found = report_figures(comparison, seed)
    write_text(folder / "table.md", f"{comparison.title}\n\n{markdown_table(comparison.runs, comparison.asking)}")
    write_json(folder / "figures.json", found)
    return found


def write_page(folder: Path, figures: Mapping[str, Any], comparison: Comparison, seed: int = 0) -> Path:
    """Write `report.html`, which holds all that it needs and may be sent to somebody.

    Args:
        folder: where to.
        figures: from `write_figures`, perhaps with more.
        comparison: what is compared; its rows are read by whoever reads the page.
        seed: of the choice of rows.

    Returns:
        Where it is.
    """
    path = folder / "report.html"
    write_text(path, report_page(figures, choose_examples(comparison, seed=seed)))
    return path
