"""The before/after table, for the terminal (rich) and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from hf_selfdemo.report.paired import change_of
from hf_selfdemo.report.resampling import f_interval
from hf_selfdemo.scoring.abstention import always_abstaining
from hf_selfdemo.scoring.outcomes import Rate, f_score, figures, unscored_bounds
from hf_selfdemo.types import Prediction

Runs = Mapping[str, Mapping[str, Sequence[Prediction]]]
"""Predictions by model, then by mode; every model answered the same questions in the same order."""

ALWAYS_ABSTAIN = "always abstain"
"""The trivial model: printed beside the others, since some figures flatter it."""

ROWS = {
    "accuracy": "correct",
    "hallucination_rate": "incorrect",
    "abstention_rate": "abstained",
    "accuracy_given_attempted": "correct, of attempted",
    "accuracy_answerable": "correct, answerable",
    "accuracy_in_context": "correct, in context",
    "hallucination_not_in_context": "incorrect, not in context",
    "abstention_precision": "abstention precision",
    "abstention_recall": "abstention recall",
    "abstention_recall_unanswerable": "abstained, unanswerable",
    "false_refusals": "false refusals",
    "unscored": "unscored",
}


def figure_rows(runs: Runs, seed: int = 0) -> list[list[str]]:
    """The table as text cells: a name, then a cell a model. Intervals are 95%: Wilson for rates, bootstrap for F."""
    rag = {name: modes["rag"] for name, modes in runs.items() if "rag" in modes}
    closed = {name: modes["closed_book"] for name, modes in runs.items() if "closed_book" in modes}
    rows = []
    if rag:
        shown = rag | {ALWAYS_ABSTAIN: always_abstaining(next(iter(rag.values())))}
        columns = {name: figures(predictions) for name, predictions in shown.items()}
        rows = [[label, *(_cell(columns[name][key]) for name in shown)] for key, label in ROWS.items()]
        rows.insert(4, ["F-score", *(_f_cell(predictions, seed) for predictions in shown.values())])
        unscored = {n: unscored_bounds(p, "correct") for n, p in shown.items() if columns[n]["unscored"].hits}
        if unscored:
            cells = [f"{unscored[n][0]:.2f} to {unscored[n][1]:.2f}" if n in unscored else "" for n in shown]
            rows.append(["correct, if all unscored were wrong or right", *cells])
    if closed:
        blank = [""] * (1 if rag else 0)
        columns = {name: figures(predictions) for name, predictions in closed.items()}
        rows.append(["closed-book: correct", *(_cell(c["accuracy"]) for c in columns.values()), *blank])
        rows.append(["closed-book: abstained", *(_cell(c["abstention_rate"]) for c in columns.values()), *blank])
        first, *others = closed.values()
        changes = [_change_cell(first, other, seed) for other in others]
        rows.append(["closed-book: change in correct", "", *changes, *blank])
    return rows


def header(runs: Runs) -> list[str]:
    """Column names of `figure_rows`."""
    models = list(runs)
    return ["", *models, *([ALWAYS_ABSTAIN] if any("rag" in modes for modes in runs.values()) else [])]


def terminal_table(runs: Runs, title: str) -> Table:
    """For `rich.print`."""
    table = Table(title=title, title_justify="left")
    for i, column in enumerate(header(runs)):
        table.add_column(column, justify="right" if i else "left", min_width=0 if i else 20)
    for row in figure_rows(runs):
        table.add_row(*row)
    return table


def markdown_table(runs: Runs) -> str:
    """The same table for a file."""
    lines = ["| " + " | ".join(header(runs)) + " |", "|---" + "|--:" * (len(header(runs)) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in figure_rows(runs)]
    return "\n".join(lines) + "\n"


def _cell(rate: Rate) -> str:
    if rate.value is None or rate.interval is None:
        return "-"
    low, high = rate.interval
    return f"{rate.value:.2f} [{low:.2f}, {high:.2f}]"


def _f_cell(predictions: Sequence[Prediction], seed: int) -> str:
    interval = f_interval(predictions, seed)
    if interval is None:
        return "-"
    return f"{f_score(predictions):.2f} [{interval[0]:.2f}, {interval[1]:.2f}]"


def _change_cell(before: Sequence[Prediction], after: Sequence[Prediction], seed: int) -> str:
    found = change_of(before, after, "accuracy", seed)
    if found.change is None or found.interval is None:
        return "-"
    return f"{found.change:+.2f} [{found.interval[0]:+.2f}, {found.interval[1]:+.2f}]"
