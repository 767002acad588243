"""Plots correct over incorrect replies: for each model a curve over its threshold and the points that were run."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import mean
from typing import Any

import matplotlib.pyplot as plt
from curves import system_curve
from figures import System
from records import Study

from hf_selfdemo.evaluation.evaluated import AT_POINT

COLOURS = {"base": "#000000", "base_may_decline": "#777777", "ra_it": "#d55e00", "self_demo": "#0072b2"}
"""Rows that are plotted if they were run, with their colours: black and grey for the base model, and a palette for the
colour-blind (Okabe and Ito) for RA-IT and self-demonstrations."""

_LINE_AND_POINTS = "line: all thresholds on the confidence; dot: as trained; star: operating point"


def plane_plot(study: Study, found: Mapping[str, System]) -> Any:
    """The plot as a matplotlib figure; None if no row has a curve.

    Args:
        study: the records.
        found: the rows of the tables on the test set, by name.
    """
    shown = {name: found[name] for name in COLOURS if name in found}
    curves = {name: system_curve(study, "test", one) for name, one in shown.items()}
    if not any(curves.values()):
        return None
    figure, axes = plt.subplots(figsize=(5.2, 4))
    for name, one in shown.items():
        colour = COLOURS[name]
        if line := curves[name]:
            axes.plot(line.incorrect, line.correct, color=colour, linewidth=1.6, zorder=1)
        _point(axes, one, "o", colour, label=one.label)
        if at_point := found.get(name + AT_POINT):
            _point(axes, at_point, "*", colour)
    axes.set(xlabel="incorrect, share of all questions", ylabel="correct, share of all questions")
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_title(_LINE_AND_POINTS, fontsize=8, loc="left")
    axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1), frameon=False)
    return figure


def _point(axes: Any, one: System, mark: str, colour: str, **how: Any) -> None:
    """Draw the mean over the seeds, and each single seed fainter in the same colour."""
    x, y = one.values("hallucination_rate"), one.values("accuracy")
    size = 110 if mark == "*" else 36
    if len(x) > 1:
        axes.scatter(x, y, size / 3, color=colour, marker=mark, alpha=0.35, linewidths=0, zorder=2)
    axes.scatter(
        [mean(x)], [mean(y)], size, color=colour, marker=mark, edgecolors="white", linewidths=0.6, zorder=3, **how
    )
