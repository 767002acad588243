"""The report page: one self-contained HTML file, made from figures and examples.

Passages, questions and replies are untrusted, so every value is escaped. The page has no script, and its content
security policy allows neither scripts nor requests. Radio buttons and CSS rules do the filtering.
"""

from __future__ import annotations

import base64
import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jinja2
from markupsafe import Markup

from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.evaluation.report.examples import Example
from hf_selfdemo.evaluation.report.signals import SIGNAL_NAMES, TASKS
from hf_selfdemo.evaluation.report.table import ROWS
from hf_selfdemo.evaluation.report.words import (
    ABILITY_NAMES,
    GROUP_NAMES,
    LABEL_NAMES,
    METER_NAMES,
    MODE_NAMES,
    REJECTED,
    SUMMARY,
    TABLES,
    verdict,
)
from hf_selfdemo.prompting.prompts import TEMPLATES

_MANY_ROWS = 1000
"""Number of rows from which percentages have one decimal."""

_AXES = (0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0)
"""Possible ends of the axis of changes."""

_MINUS = "\N{MINUS SIGN}"


def report_page(figures: Mapping[str, Any], examples: Sequence[Example]) -> str:
    """The page as HTML.

    Args:
        figures: result of `report_figures`, perhaps with the figures of the `ability` check; the page shows no others.
        examples: example rows from `choose_examples`.

    Returns:
        A whole document, in which every text of figures and examples is escaped.
    """
    digits = 1 if any(rows["all"] >= _MANY_ROWS for rows in figures["rows"].values()) else 0
    environment = _environment()
    others = figures["compared"][1:]
    selections = _selections(figures, examples)
    meters = {n: _meter(made) for n, made in figures["training"].items() if made.get("on_policy", {}).get("base")}
    style = environment.get_template("style.css").render(selections=selections)
    return environment.get_template("page.html").render(
        figures=figures,
        examples=examples,
        first=figures["compared"][0],
        others=others,
        modes=list(figures["rows"]),
        digits=digits,
        axis=_axis(figures),
        selections=selections,
        kinds=list(dict.fromkeys((kind.before, kind.after) for example in examples for kind in example.kinds)),
        names=MODE_NAMES,
        groups=GROUP_NAMES,
        labels=LABEL_NAMES,
        tables=TABLES,
        rows=ROWS,
        summary=SUMMARY,
        signal_names=SIGNAL_NAMES,
        tasks=TASKS,
        ability_names=defaultdict(str, ABILITY_NAMES),
        metered=list(meters),
        meter_rows=_meter_rows(meters),
        style=Markup(style),  # safe, because it contains no text of figures or examples
        style_hash=base64.b64encode(hashlib.sha256(style.encode()).digest()).decode(),
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES / "report"),
        autoescape=True,
        finalize=_finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": "{:,}".format,
        "percent": percent,
        "interval": interval,
        "points": points,
        "point_range": point_range,
        "p_value": p_value,
        "tint": tint,
        "listed": listed,
        "leaves": leaves,
    }
    environment.globals["verdict"] = verdict
    return environment


def _finalize(value: Any) -> Any:
    """A value as it is written out: texts have no control characters."""
    return shown(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def percent(value: float | None, digits: int = 0) -> str:
    """A share as a percentage.

    Example:
        >>> percent(0.5217), percent(0.5217, 1), percent(None)
        ('52%', '52.2%', '–')
    """
    return "–" if value is None else f"{100 * value:.{digits}f}%"


def interval(ends: Sequence[float] | None, digits: int = 0) -> str:
    """The interval of a share in percent, without the percent sign.

    Example:
        >>> interval((0.1304, 0.2925))
        '[13, 29]'
    """
    return "" if ends is None else "[" + ", ".join(f"{100 * end:.{digits}f}" for end in ends) + "]"


def points(value: float | None, digits: int = 0) -> str:
    """A difference of shares in percentage points, with a sign unless it rounds to 0.

    Example:
        >>> points(0.2143), points(-0.004), points(-0.17)
        ('+21', '0', '−17')
    """
    if value is None:
        return "–"
    text = f"{100 * abs(value):.{digits}f}"
    if not float(text):
        return text
    return ("+" if value > 0 else _MINUS) + text


def point_range(ends: Sequence[float] | None, digits: int = 0) -> str:
    """The interval of a difference in percentage points.

    Example:
        >>> point_range((-0.05, 0.12))
        '[−5, +12]'
    """
    return "" if ends is None else "[" + ", ".join(points(end, digits) for end in ends) + "]"


def p_value(p: float | None) -> str:
    """A p-value with two or three decimals.

    Example:
        >>> p_value(0.00004), p_value(0.0312), p_value(0.4), p_value(1.0)
        ('<0.001', '0.031', '0.40', '1')
    """
    if p is None:
        return ""
    if p < 0.001:
        return "<0.001"
    return "1" if p == 1 else f"{p:.{3 if p < 0.1 else 2}f}"


def tint(count: int, total: int) -> int:
    """The darkness of a cell, from 0 to 8; the square root keeps small shares visible.

    Example:
        >>> tint(0, 10), tint(1, 100), tint(10, 10)
        (0, 1, 8)
    """
    return math.ceil(8 * math.sqrt(count / total)) if count else 0


def listed(names: Sequence[str]) -> str:
    """Names joined as in a sentence.

    Example:
        >>> listed(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def leaves(tree: Any, name: str = "") -> list[tuple[str, str]]:
    """Nested settings as pairs of a dotted name and a value.

    Example:
        >>> leaves({"data": {"seed": 0, "files": ["a", "b"]}})
        [('data.seed', '0'), ('data.files', 'a, b')]
    """
    if isinstance(tree, Mapping):
        return [line for key, part in tree.items() for line in leaves(part, f"{name}.{key}" if name else str(key))]
    if isinstance(tree, list | tuple):
        return [(name, ", ".join(map(str, tree)) or "–")]
    return [(name, "–" if tree in (None, "") else str(tree))]


def _axis(figures: Mapping[str, Any]) -> float:
    """The end of the axis of all changes."""
    ends = [abs(end) for pair in figures["changes"] for change in pair["figures"] for end in change["interval"] or ()]
    return next((end for end in _AXES if end >= max(ends, default=0.0)), 1.0)


def _meter(made: Mapping[str, Any]) -> Mapping[str, Any]:
    """The on-policy figures of a training, without those of rejected texts if it was supervised."""
    if made.get("objective") != "sft":
        return made["on_policy"]
    return {when: {k: v for k, v in side.items() if k != REJECTED} for when, side in made["on_policy"].items()}


def _meter_rows(meters: Mapping[str, Any]) -> dict[str, list[float | None]]:
    """The on-policy figures by name: for each column one value before and one after training."""
    measured = [side for meter in meters.values() for side in (meter["base"], meter.get("tuned", {}))]
    keys = [key for key in METER_NAMES if any(key in side for side in measured)]
    return {METER_NAMES[key]: [side.get(key) for side in measured] for key in keys}


def _selections(figures: Mapping[str, Any], examples: Sequence[Example]) -> list[dict[str, Any]]:
    """The filter options: for each mode and column the kinds of change, with the rows shown and the total."""
    found = []
    for pair in figures["changes"]:
        place, matrix = figures["compared"].index(pair["after"]), pair["transitions"]["all"]
        mine = [kind[2:] for example in examples for kind in example.kinds if kind[:2] == (pair["mode"], pair["after"])]
        kinds = {
            (before, after): {"shown": mine.count((before, after)), "rows": matrix[before][after]}
            for before in matrix
            for after in matrix[before]
        }
        found.append({"mode": pair["mode"], "column": pair["after"], "place": place, "kinds": kinds})
    return found
