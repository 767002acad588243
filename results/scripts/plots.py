"""A study's plots, made from its records.

    python results/scripts/plots.py results/study

abstention.svg   false refusals against abstention recall: what abstaining costs, and what it brings
outcomes.svg     what becomes of the rows whose passages hold the answer, and of the others
plane.svg        correct against made up, a curve a model, where replies have signals to be sure by
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from statistics import mean
from typing import Any

import matplotlib

matplotlib.use("Agg")  # files alone: no display is needed
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
"""Outcomes from left to right, what they are called, and colours that the colour-blind tell apart (Okabe and Ito)."""

_STYLE: Any = {
    "svg.hashsalt": "study",
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
"""The same file from the same records, with text as text."""

_MARKS = "osDv^<>phX"


def abstention_plot(found: Mapping[str, System]) -> Any:
    """A point a seed, hollow where the model is at its operating point.

    On the line abstaining has nothing to do with whether the answer is there.
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
    """Stacked bars, means over the seeds: one panel for rows shown a passage with the answer, one for the others."""
    panels = {"a passage holds the answer": True, "none does": False}
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
    """Of the scored rows of a panel; 0 where there is none."""
    rows: list[Prediction] = [p for p in replies if p.answer_in_context == present]
    names = {"correct": "accuracy", "abstain": "abstention_rate", "incorrect": "hallucination_rate"}
    rate: Rate = figures(rows)[names[outcome]]
    return rate.value or 0.0


def draw(study: Study, found: Mapping[str, System], folder: Path) -> list[Path]:
    """Write all plots.

    Args:
        study: the records.
        found: the rows of the tables on the test rows.
        folder: where to.

    Returns:
        The files.
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
    """On white, so that it can be read on a dark page, too."""
    figure.savefig(path, dpi=150, bbox_inches="tight", facecolor="white", metadata={"Date": None})
    plt.close(figure)
    lines = path.read_text(encoding="utf-8").splitlines()
    write_text(path, "".join(f"{line.rstrip()}\n" for line in lines))  # without blanks at their ends, as all text here
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
