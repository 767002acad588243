"""Whatever figures a comparison lacks, its table, figures and page are made, and what is absent is a dash."""

import json
import re
from itertools import product

import pytest
from made_up import comparison, evidence, replies
from rich.console import Console

from hf_selfdemo.evaluation.report import (
    Column,
    Comparison,
    figure_rows,
    figures_json,
    header,
    markdown_table,
    report_figures,
    report_page,
    terminal_table,
)
from hf_selfdemo.evaluation.report.examples import choose_examples

MODES = [("rag", "closed_book"), ("rag",), ("closed_book",)]
LABELS = {
    "mixed": ["correct", "incorrect", "abstain", "unscored"],
    "none scored": ["unscored"],
    "none attempted": ["abstain"],
    "none right": ["incorrect"],
    "all right": ["correct"],
}
CASES = list(product(MODES, LABELS, (1.0, 0.0, 0.5), (("base",), ("base", "tuned")), (0, 1, 8)))


def told(chosen):
    """All that is written of a comparison, and its figures."""
    figures = report_figures(chosen)
    json.dumps(figures, allow_nan=False)
    console = Console(record=True, width=200, quiet=True)
    console.print(terminal_table(chosen.runs, chosen.title))
    page = report_page(figures, choose_examples(chosen))
    return [markdown_table(chosen.runs), page, console.export_text()], figures["columns"]


@pytest.mark.parametrize(("modes", "labels", "in_context", "names", "count"), CASES)
def test_every_combination_is_told(modes, labels, in_context, names, count):
    rows, kinds = evidence(count, in_context=in_context), LABELS[labels]
    said = {name: [kinds[(i + place) % len(kinds)] for i in range(count)] for place, name in enumerate(names)}
    columns = [Column(name, {mode: replies(rows, said[name], mode) for mode in modes}) for name in names]
    chosen = Comparison("made up", columns, {row.id: row for row in rows})
    texts, figures = told(chosen)
    assert not [word for text in texts for word in re.findall(r"\b(?:nan|None|Undefined)\b", text)]
    for mode, name in product(modes, names):
        assert all((rate["value"] is None) == (rate["interval"] is None) for rate in figures[name][mode].values())
        if labels == "none scored" or not count:
            assert {key for key, rate in figures[name][mode].items() if rate["value"] is not None} <= {"unscored"}
    assert {len(row) for row in figure_rows(chosen.runs)} == {len(header(chosen.runs))}


def test_models_asked_in_different_modes_keep_their_columns():
    made = comparison(8).runs
    runs = {"base": made["base"], "tuned": {"closed_book": made["tuned"]["closed_book"]}}
    rows = {row[0]: row[1:] for row in figure_rows(runs)}
    assert header(runs)[1:] == ["base", "tuned", "always abstain"]
    assert rows["correct"][0] and rows["correct"][1] == "" and rows["correct"][2].startswith("0.00")
    assert rows["closed-book: correct"][1] and rows["closed-book: correct"][2] == ""
    only = {"base": {"rag": made["base"]["rag"]}, "tuned": {"closed_book": made["tuned"]["closed_book"]}}
    assert all(len(row) == 4 for row in figure_rows(only)) and figures_json(only)
