"""One table with the outcomes and the costs of every row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from cells import markdown, mean_cell, number_cell
from costs import ANSWERING, MAKING
from figures import BASE_MODES, DISCERNMENT, Draws, System, systems
from records import Study
from set_tables import NAMES, closed_book_changes, reference

from hf_selfdemo.evaluation.evaluated import AT_POINT
from hf_selfdemo.evaluation.report.resampling import RESAMPLES

COLUMNS = {
    **{name: NAMES[name] for name in ("accuracy", "hallucination_rate", "accuracy_given_attempted", "f_score")},
    DISCERNMENT: "J",
    **{name: NAMES[name] for name in ("abstention_f1", "false_refusals")},
}

CLOSED_BOOK = "base_closed_book"
_MODES = BASE_MODES | {CLOSED_BOOK: "closed_book"}

_ABOUT = """Each cell is the mean over the seeds, with the lowest and highest value in parentheses. *J* is abstention
recall minus false refusals. *Closed-book: change* is the difference in closed-book accuracy from the base model, with
its 95% interval. *Tokens* are prompt tokens, including cached ones, and generated tokens. Calls for signals count only
at operating points. *Calls* and *tokens for data* are those of the demonstrations; calls found in the ledger count,
too. *Training tokens* count prompts and replies over all epochs. A row that continues the training of another row
counts only its own tokens."""


def one_table(study: Study, labels: Mapping[str, str], resamples: int = RESAMPLES) -> Iterator[str]:
    """The table of all rows on the test set; nothing if no record has the cost of answering.

    Records of earlier versions do not have it.

    Args:
        study: the records.
        labels: the rows of the table: names and labels.
        resamples: number of bootstrap draws.
    """
    found = systems(study, "test", labels)
    if not any("asking" in record["evaluations"]["test"] for s in found.values() for record in s.records):
        return
    natural = [name for name, row in study.rows["test"].items() if not row.gold_removed]
    changes = closed_book_changes(found, Draws(natural, resamples))
    found = _without_passages(found) | found
    header = ["", *COLUMNS.values(), "closed-book: change", *ANSWERING, *MAKING]
    rows = [[s.label, *_cells(name, s, changes.get(name, ""))] for name, s in found.items()]
    yield f"## All rows in one table\n\n{_ABOUT}\n\n{markdown(header, rows)}"


def _without_passages(found: Mapping[str, System]) -> dict[str, System]:
    """The base model asked closed-book as a row of its own; empty if it was not asked closed-book."""
    base = found.get(reference(found))
    if base is None or not base.closed_book:
        return {}
    return {CLOSED_BOOK: replace(base, name=CLOSED_BOOK, label="base, closed-book", shown=base.closed_book)}


def _cells(name: str, s: System, change: str) -> Iterator[str]:
    own, at_point = name.removesuffix(AT_POINT), name.endswith(AT_POINT)
    mode = _MODES.get(own, "rag") + (AT_POINT if at_point else "")
    yield from (mean_cell(s.values(figure)) for figure in COLUMNS)
    yield change
    yield from (number_cell([told(r, mode) for r in s.records], digits) for told, digits in ANSWERING.values())
    made = () if at_point else s.records  # the cost of making a model is given in the row of the model itself
    yield from (number_cell([told(r) for r in made], digits) for told, digits in MAKING.values())
