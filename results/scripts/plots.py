"""Draws a study's plots from its records.

    python results/scripts/plots.py results/study

abstention.svg   abstention recall over false refusals
outcomes.svg     shares of correct, abstained and incorrect replies, with and without the answer in a passage
plane.svg        correct over incorrect, one curve per model; drawn only if replies have signals
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib

matplotlib.use("Agg")  # plots are written to files; no display is needed
import matplotlib.pyplot as plt
from figures import System, systems
from folders import StudyFolder
from plane import plane_plot
from records import Study, read_study

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import write_text
from hf_selfdemo.core.types import Label, Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT
from hf_selfdemo.scoring.outcomes import Rate, figures

OUTCOMES: dict[Label, tuple[str, str]] = {
    "correct": ("correct", "#0072b2"),
    "abstain": ("abstained", "#c9c9c9"),
    "incorrect": ("incorrect", "#d55e00"),
}
"""Outcomes from left to right with their names and colours, a palette for the colour-blind (Okabe and Ito)."""

_STYLE: Any = {
    "svg.hashsalt": "study",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""Plot settings. With them the same records give the same file, and text stays text."""

_MARKS = "osDv^<>phX"


def abstention_plot(found: Mapping[str, System]) -> Any:
    """Abstention recall over false refusals: one point per seed, hollow for a model at its operating point.

    On the diagonal, a model abstains as often with the answer in its passages as without.
    """
    figure, axes = plt.subplots(figsize=(4, 4))
    axes.plot([0, 1], [0, 1], color="#999999", linewidth=1, linestyle="--", zorder=0)
    axes.text(
        0.52, 0.5, "no better than chance", color="#777777", fontsize=8, rotation=45, va="top", rotation_mode="anchor"
    )
    shades = plt.get_cmap("tab10")
    rows = list(dict.fromkeys(name.removesuffix(AT_POINT) for name in found))
    for name, system in found.items():
        i = rows.index(name.removesuffix(AT_POINT))
        x, y = system.values("false_refusals"), system.values("abstention_recall")
        colour = "black" if name.startswith(("base", "always")) else shades(i)
        how = {"marker": _MARKS[i % len(_MARKS)], "edgecolors": [colour], "label": system.label, "alpha": 0.8}
        axes.scatter(x, y, 34, facecolors="none" if name.endswith(AT_POINT) else [colour], zorder=2, **how)
    axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="false refusals", ylabel="abstention recall")
    axes.locator_params(nbins=5)
    axes.set_box_aspect(1)
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
    return figure


def outcome_plot(found: Mapping[str, System]) -> Any:
    """Stacked bars of outcomes, means over the seeds, in two panels: rows with the answer in a passage, and others."""
    panels = {"a passage contains the answer": True, "no passage does": False}
    figure, both = plt.subplots(1, 2, figsize=(7.2, 0.6 + 0.3 * len(found)), sharey=True, layout="constrained")
    for axes, (title, present) in zip(both, panels.items(), strict=True):
        left = [0.0] * len(found)
        for outcome, (label, colour) in OUTCOMES.items():
            widths = [mean(_share(replies, present, outcome) for replies in s.shown) for s in found.values()]
            axes.barh([s.label for s in found.values()], widths, left=left, color=colour, label=label, height=0.7)
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.set(title=title, xlim=(0, 1))
        axes.title.set_fontsize(9)
    both[0].invert_yaxis()
    figure.legend(*both[0].get_legend_handles_labels(), loc="outside lower center", ncols=len(OUTCOMES), frameon=False)
    return figure


def _share(replies: Any, present: bool, outcome: Label) -> float:
    """The share of an outcome among the scored rows of a panel; 0 if it has none."""
    rows: list[Prediction] = [p for p in replies if p.answer_in_context == present]
    names = {"correct": "accuracy", "abstain": "abstention_rate", "incorrect": "hallucination_rate"}
    rate: Rate = figures(rows)[names[outcome]]
    return rate.value or 0.0


def draw(study: Study, found: Mapping[str, System], folder: Path) -> list[Path]:
    """Write all plots.

    Args:
        study: the records.
        found: the rows of the tables on the test set, by name.
        folder: the output folder; it is created if it does not exist.

    Returns:
        The paths of the files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    with plt.rc_context(_STYLE):
        drawn = {"abstention": abstention_plot(found), "outcomes": outcome_plot(found)}
        for name, figure in (drawn | {"plane": plane_plot(study, found)}).items():
            if figure is not None:
                paths.append(_written(figure, folder / f"{name}.svg"))
    return paths


def _written(figure: Any, path: Path) -> Path:
    """Write a figure with a white background, which keeps it readable on a dark page. Returns the path."""
    figure.savefig(path, dpi=150, bbox_inches="tight", facecolor="white", metadata={"Date": None})
    plt.close(figure)
    lines = path.read_text(encoding="utf-8").splitlines()
    write_text(path, "".join(f"{line.rstrip()}\n" for line in lines))  # no trailing spaces
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw a study's plots.")
    parser.add_argument("study", help="the study's folder, e.g. results/study")
    given = parser.parse_args()
    try:
        folder = StudyFolder.named(given.study)
        study = read_study(folder.records)
        study.refuse_empty()
        print(*draw(study, systems(study, "test", folder.labels), folder.plots), sep="\n")
    except UserError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
