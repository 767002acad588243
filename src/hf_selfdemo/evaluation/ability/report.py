"""Figures and a table of each model's other abilities, compared with the first model."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.table import Table

from hf_selfdemo.evaluation.ability.choices import ChoiceQuestion
from hf_selfdemo.evaluation.ability.multiple_choice import METRICS, ChoiceScores, picks
from hf_selfdemo.evaluation.report.table import text_table
from hf_selfdemo.scoring.outcomes import Rate, bootstrap

OWN_REPLIES = "own replies, nats per token"

Figures = dict[str, dict[str, Any]]
"""By model and metric (`METRICS`, `own_replies`): `value`, `interval`, counts, and `change` from the first model."""


@dataclass(frozen=True, slots=True)
class Measured:
    """The measurements of one model: scores of the choices, and nats and tokens of the first model's replies."""

    choices: Sequence[ChoiceScores] = ()
    replies: Sequence[tuple[float, int]] = ()


def ability_figures(questions: Sequence[ChoiceQuestion], measured: Mapping[str, Measured], seed: int = 0) -> Figures:
    """All figures with 95% intervals: Wilson for accuracies, and (paired) bootstrap for nats per token and changes.

    Args:
        questions: the questions that were scored.
        measured: measurements by model; the others are compared with the first.
        seed: seed of the bootstrap.

    Example:
        >>> one = [ChoiceQuestion("1", "How many?", ("one", "two"), 0)]
        >>> measured = {"base": Measured([ChoiceScores((-1.0, -2.0), (-3.0, -1.0))])}
        >>> ability_figures(one, measured)["base"]["letter_acc"]["value"]
        1.0
    """
    columns = {name: _columns(questions, one) for name, one in measured.items()}
    first = next(iter(columns.values()), {})
    return {
        name: {
            metric: _figure(metric, rows, None if found is first else first[metric], seed)
            for metric, rows in found.items()
        }
        for name, found in columns.items()
    }


def ability_rows(figures: Figures) -> list[list[str]]:
    """The table as text cells: a name, then one cell per model; each metric is followed by its change.

    Args:
        figures: result of `ability_figures`.

    Example:
        >>> measured = {"base": Measured(replies=[(2.0, 4)]), "tuned": Measured(replies=[(3.0, 4)])}
        >>> for row in ability_rows(ability_figures([], measured)):
        ...     print(row)
        ['own replies, nats per token', '0.50 [0.50, 0.50]', '0.75 [0.75, 0.75]']
        ['own replies, nats per token: change', '', '+0.25 [+0.25, +0.25]']
    """
    rows = []
    for metric in next(iter(figures.values()), {}):
        label = METRICS.get(metric, OWN_REPLIES)
        rows.append([label, *(_cell(found[metric]) for found in figures.values())])
        if len(figures) > 1:
            changes = (found[metric].get("change") for found in figures.values())
            rows.append([f"{label.partition(' (')[0]}: change", *(_cell(c, "+") if c else "" for c in changes)])
    return rows


def ability_table(figures: Figures, title: str) -> Table:
    """The table for `rich.print`."""
    return text_table(title, ["", *figures], ability_rows(figures))


def ability_markdown(figures: Figures) -> str:
    """The table in Markdown."""
    lines = ["| " + " | ".join(["", *figures]) + " |", "|---" + "|--:" * len(figures) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in ability_rows(figures))]) + "\n"


def _columns(questions: Sequence[ChoiceQuestion], one: Measured) -> dict[str, Sequence[Any]]:
    """The values that each metric averages: correct or not for every question, and every measured reply."""
    columns: dict[str, Sequence[Any]] = {}
    if one.choices:
        chosen = [picks(question, scores) for question, scores in zip(questions, one.choices, strict=True)]
        for metric in METRICS:
            columns[metric] = [q.answer == picked[metric] for q, picked in zip(questions, chosen, strict=True)]
    if replies := [reply for reply in one.replies if reply[1]]:
        columns["own_replies"] = replies
    return columns


def _figure(metric: str, rows: Sequence[Any], before: Sequence[Any] | None, seed: int) -> dict[str, Any]:
    if metric in METRICS:
        rate = Rate(sum(rows), len(rows))
        figure = {"hits": rate.hits, "total": rate.total, "value": rate.value, "interval": rate.interval}
        return figure | _change(_share, before, rows, seed)
    figure = {"replies": len(rows), "tokens": sum(tokens for _, tokens in rows), "value": _nats(rows)}
    return figure | {"interval": bootstrap(_nats, rows, seed=seed)} | _change(_nats, before, rows, seed)


def _change(
    mean: Callable[[Sequence[Any]], float], before: Sequence[Any] | None, after: Sequence[Any], seed: int
) -> dict[str, Any]:
    if before is None:
        return {}

    def difference(a: Sequence[Any], b: Sequence[Any]) -> float:
        return mean(b) - mean(a)

    interval = bootstrap(difference, before, after, seed=seed)
    return {"change": {"value": difference(before, after), "interval": interval}}


def _share(hits: Sequence[bool]) -> float:
    return sum(hits) / len(hits)


def _nats(replies: Sequence[tuple[float, int]]) -> float:
    """Nats per token over all replies together."""
    return sum(loss for loss, _ in replies) / sum(tokens for _, tokens in replies)


def _cell(figure: Mapping[str, Any], sign: str = "") -> str:
    low, high = figure["interval"]
    return f"{figure['value']:{sign}.2f} [{low:{sign}.2f}, {high:{sign}.2f}]"
