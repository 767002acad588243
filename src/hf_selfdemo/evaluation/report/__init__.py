"""What is left of an evaluation: the table for the terminal and Markdown, figures for programs, a page to read.

table.py        the table
paired.py       two models on the same questions: what changed, and how sure that is
signals.py      how well the signals of a model tell right from wrong
risk.py         risk against coverage, by the best of them
refusals.py     how a model declines
examples.py     rows to read, one kind of change after the other
figures.py      every figure of the page, as data
page.py         the page
symptoms.py     what went wrong, in lines that name the section of docs/troubleshooting.md
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
