"""Measures how often replies are correct, by four comparisons with the accepted answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hf_selfdemo.metrics.rows import References, Row, read_rows
from hf_selfdemo.scoring.label import label_by_match
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.overlap import exact_match, token_f1

FIGURES: dict[str, Callable[[Row], float]] = {
    "exact_match": lambda row: exact_match(row.text, row.answers),
    "f1": lambda row: token_f1(row.text, row.answers),
    "containment": lambda row: float(contains_answer(row.text, row.answers)),
    "match": lambda row: float(label_by_match(*row) == "correct"),
}
"""The comparisons, each with a value from 0 to 1 for an attempted row."""


def score(
    predictions: Sequence[str],
    references: References,
    *,
    questions: Sequence[str] | None = None,
    rows: bool = False,
) -> dict[str, Any]:
    """Exact match, token F1, containment and the package's lenient match, over all rows that have an answer.

    `hf_selfdemo.metrics.load("qa_accuracy")` is the same metric as a module of `evaluate`. `metrics.abstention` also
    scores the rows without an answer.

    Args:
        predictions: the replies. An empty reply is unscored.
        references: the accepted answers and aliases of each row; empty if the question has none.
        questions: the questions, which some matches need ("Which is taller, A or B?").
        rows: whether to add `rows`, the outcome and figures of each row.

    Returns:
        The four figures, from 0 to 1, over the scored answerable rows, where an abstention is not correct. The same
        figures with names that end in `_attempted`, over those rows without abstentions. A figure is None without such
        rows. Counts: `n` is the sum of `attempted`, `abstained`, `unscored` and `unanswerable` (rows without an answer,
        which are in no figure). `bounds`: each figure if every unscored row were incorrect, and if every one were
        correct. `always_abstain`: the figures of a model that never answers.

    Raises:
        UserError: for invalid columns. The message names the row.

    Example:
        >>> found = score(["It is Bern.", "I don't know.", "Basel"], [["Bern", "Berne"], ["Oslo"], []])
        >>> found["match"], found["match_attempted"], found["unanswerable"]
        (0.5, 1.0, 1)
    """
    given = [_given(row) for row in read_rows(predictions, references, questions)]
    answerable = [got for got in given if got["answerable"]]
    scored = [got for got in answerable if got["outcome"] != "unscored"]
    attempts = [got for got in scored if got["outcome"] != "abstain"]
    sums = {name: sum(got[name] for got in attempts) for name in FIGURES}
    counts = {
        "n": len(given),
        "attempted": len(attempts),
        "abstained": len(scored) - len(attempts),
        "unscored": len(answerable) - len(scored),
        "unanswerable": len(given) - len(answerable),
    }
    return {
        **_figures(sums, counts["attempted"], counts["abstained"]),
        **counts,
        "bounds": _bounds(sums, counts),
        "always_abstain": _figures(dict.fromkeys(FIGURES, 0.0), 0, len(answerable)),
        **({"rows": given} if rows else {}),
    }


def _given(row: Row) -> dict[str, Any]:
    """The figures of one row: 0 for an abstention, and None if there is no answer or no reply."""
    outcome = label_by_match(*row)
    found: dict[str, Any] = {"outcome": outcome, "answerable": bool(row.answers)}
    if not row.answers or outcome == "unscored":
        return found | dict.fromkeys(FIGURES)
    return found | {name: 0.0 if outcome == "abstain" else figure(row) for name, figure in FIGURES.items()}


def _figures(sums: Mapping[str, float], attempted: int, abstained: int) -> dict[str, float | None]:
    scored = attempted + abstained
    return {name: total / scored if scored else None for name, total in sums.items()} | {
        f"{name}_attempted": total / attempted if attempted else None for name, total in sums.items()
    }


def _bounds(sums: Mapping[str, float], counts: Mapping[str, int]) -> dict[str, tuple[float, float] | None]:
    attempted, unscored = counts["attempted"] + counts["unscored"], counts["unscored"]
    wrong = _figures(sums, attempted, counts["abstained"])
    right = _figures({name: total + unscored for name, total in sums.items()}, attempted, counts["abstained"])
    ends = {name: (wrong[name], right[name]) for name in wrong}
    return {name: None if low is None or high is None else (low, high) for name, (low, high) in ends.items()}
