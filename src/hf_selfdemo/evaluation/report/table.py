"""The table of results, for the terminal (rich) and in Markdown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table
from rich.text import Text

from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.report.paired import change_of
from hf_selfdemo.evaluation.report.resampling import f_interval
from hf_selfdemo.scoring.abstention import always_abstaining
from hf_selfdemo.scoring.outcomes import Rate, f_score, figures, unscored_bounds

Runs = Mapping[str, Mapping[str, Sequence[Prediction]]]
"""Predictions by model, then by mode; every model answered the same questions in the same order."""

Asking = Mapping[str, Mapping[str, Mapping[str, int]]]
"""The cost of answering by model, then by mode: `questions`, and the entries of `COUNTS`."""

ALWAYS_ABSTAIN = "always abstain"
"""The trivial model, shown beside the others because some metrics favour it."""

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


def figure_rows(runs: Runs, seed: int = 0, asking: Asking | None = None) -> list[list[str]]:
    """The table as text cells: a name, then one cell per model. 95% intervals: Wilson for rates, bootstrap for F."""
    rag = {name: modes["rag"] for name, modes in runs.items() if "rag" in modes}
    closed = {name: modes["closed_book"] for name, modes in runs.items() if "closed_book" in modes}
    rows: list[tuple[str, dict[str, str]]] = []
    if rag:
        shown = rag | {ALWAYS_ABSTAIN: always_abstaining(next(iter(rag.values())))}
        columns = {name: figures(predictions) for name, predictions in shown.items()}
        rows = [(label, {name: _cell(found[key]) for name, found in columns.items()}) for key, label in ROWS.items()]
        rows.insert(4, ("F-score", {name: _f_cell(predictions, seed) for name, predictions in shown.items()}))
        unscored = {n: unscored_bounds(p, "correct") for n, p in shown.items() if columns[n]["unscored"].hits}
        if unscored:
            cells = {name: f"{low:.2f} to {high:.2f}" for name, (low, high) in unscored.items()}
            rows.append(("correct, if all unscored were wrong or right", cells))
    if closed:
        columns = {name: figures(predictions) for name, predictions in closed.items()}
        first, *others = closed
        changes = {name: _change_cell(closed[first], closed[name], seed) for name in others}
        rows.append(("closed-book: correct", {name: _cell(found["accuracy"]) for name, found in columns.items()}))
        rows.append(("closed-book: abstained", {n: _cell(found["abstention_rate"]) for n, found in columns.items()}))
        rows.append(("closed-book: change in correct", changes))
    rows += _cost_rows(asking or {}, "rag", "") + _cost_rows(asking or {}, "closed_book", "closed-book: ")
    return [[label, *(cells.get(name, "") for name in header(runs)[1:])] for label, cells in rows]


def header(runs: Runs) -> list[str]:
    """The column names of `figure_rows`."""
    models = list(runs)
    return ["", *models, *([ALWAYS_ABSTAIN] if any("rag" in modes for modes in runs.values()) else [])]


def terminal_table(runs: Runs, title: str, asking: Asking | None = None) -> Table:
    """The table for `rich.print`."""
    return text_table(title, header(runs), figure_rows(runs, asking=asking))


def text_table(title: str, names: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A rich table whose texts are never read as markup; the first column has the names of the rows."""
    table = Table(title=Text(shown(title)), title_justify="left")
    for i, name in enumerate(names):
        table.add_column(Text(shown(name)), justify="right" if i else "left", min_width=0 if i else 20)
    for row in rows:
        table.add_row(*(Text(shown(cell)) for cell in row))
    return table


def markdown_table(runs: Runs, asking: Asking | None = None) -> str:
    """The table in Markdown."""
    lines = ["| " + " | ".join(header(runs)) + " |", "|---" + "|--:" * (len(header(runs)) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in figure_rows(runs, asking=asking)]
    return "\n".join(lines) + "\n"


def _cost_rows(asking: Asking, mode: str, prefix: str) -> list[tuple[str, dict[str, str]]]:
    """Rows with calls and tokens (read and written) per question; none if the cost is unknown."""
    known = {name: modes[mode] for name, modes in asking.items() if modes.get(mode, {}).get("questions")}
    if not known:
        return []
    calls = {name: f"{spent['calls'] / spent['questions']:.1f}" for name, spent in known.items()}
    tokens = {
        name: f"{(spent['prompt_tokens'] + spent['generated_tokens']) / spent['questions']:.0f}"
        for name, spent in known.items()
    }
    return [(f"{prefix}calls a question", calls), (f"{prefix}tokens a question", tokens)]


def figure_cell(value: float | None, interval: tuple[float, float] | None) -> str:
    """A metric with its interval.

    Example:
        >>> figure_cell(0.5, (0.25, 0.75)), figure_cell(None, None)
        ('0.50 [0.25, 0.75]', '-')
    """
    if value is None or interval is None:
        return "-"
    low, high = interval
    return f"{value:.2f} [{low:.2f}, {high:.2f}]"


def _cell(rate: Rate) -> str:
    return figure_cell(rate.value, rate.interval)


def _f_cell(predictions: Sequence[Prediction], seed: int) -> str:
    return figure_cell(f_score(predictions), f_interval(predictions, seed))


def _change_cell(before: Sequence[Prediction], after: Sequence[Prediction], seed: int) -> str:
    found = change_of(before, after, "accuracy", seed)
    if found.change is None or found.interval is None:
        return "-"
    return f"{found.change:+.2f} [{found.interval[0]:+.2f}, {found.interval[1]:+.2f}]"
