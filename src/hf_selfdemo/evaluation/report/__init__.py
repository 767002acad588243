"""Reports of an evaluation: a table for terminal and Markdown, figures as JSON, and an HTML page.

table.py        the table
paired.py       paired comparison of two models on the same questions
signals.py      how well a model's signals separate correct from incorrect answers
risk.py         the risk-coverage curve of the best signal
refusals.py     the wordings of abstentions
examples.py     example rows of each kind of change
figures.py      every figure of the page, as data
page.py         the page
symptoms.py     problems that the figures show, each with its section of docs/troubleshooting.md
"""

from hf_selfdemo.evaluation.report.comparison import Column, Comparison
from hf_selfdemo.evaluation.report.figures import figures_json, report_figures
from hf_selfdemo.evaluation.report.page import report_page
from hf_selfdemo.evaluation.report.signals import signals_table
from hf_selfdemo.evaluation.report.symptoms import symptoms
from hf_selfdemo.evaluation.report.table import (
    ALWAYS_ABSTAIN,
    Asking,
    Runs,
    figure_rows,
    header,
    markdown_table,
    terminal_table,
)
from hf_selfdemo.evaluation.report.written import write_figures, write_page

__all__ = [
    "ALWAYS_ABSTAIN",
    "Asking",
    "Column",
    "Comparison",
    "Runs",
    "figure_rows",
    "figures_json",
    "header",
    "markdown_table",
    "report_figures",
    "report_page",
    "signals_table",
    "symptoms",
    "terminal_table",
    "write_figures",
    "write_page",
]
