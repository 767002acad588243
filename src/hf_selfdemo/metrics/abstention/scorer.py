"""Whether replies abstain where no answer is to be had, and answer where one is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, get_args

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Label, Prediction
from hf_selfdemo.metrics.rows import References, Row, column, read_rows
from hf_selfdemo.scoring.abstention import abstention_figures, always_abstaining, bounds
from hf_selfdemo.scoring.label import label_by_match
from hf_selfdemo.scoring.risk_coverage import aurc, aurc_bounds, e_aurc, risk_coverage

FIGURES = {
    "accuracy": "accuracy",
    "accuracy_answerable": "accuracy_answerable",
    "accuracy_given_attempted": "accuracy_given_attempted",
    "f_score": "f_score",
    "lambda_score": "lambda_score",
    "hallucination_rate": "hallucination_rate",
    "hallucination_unanswerable": "hallucination_not_in_context",
    "abstention_rate": "abstention_rate",
    "abstention_precision": "abstention_precision",
    "abstention_recall": "abstention_recall",
    "abstention_f1": "abstention_f1",
    "false_refusals": "false_refusals",
}
"""The metric's figures and their names in `scoring.abstention`, which tells question and passages apart."""

_LABELS = get_args(Label)


def score(
    predictions: Sequence[str],
    references: References,
    *,
    answerable: Sequence[bool] | None = None,
    confidences: Sequence[float] | None = None,
    labels: Sequence[Label] | None = None,
    questions: Sequence[str] | None = None,
    abstain_value: float = 0.5,
    rows: bool = False,
    curve: bool = False,
) -> dict[str, Any]:
    """Three outcomes (correct, incorrect, abstained), and what they say of abstaining.

    Args:
        predictions: replies. An empty one is unscored.
        references: accepted answers and aliases of each; empty where the question has none. Blank ones, as in `[""]`,
            are no answers.
        answerable: whether a reply should answer, e.g. because a shown passage holds the answer; by default where
            there are references. An answer to an answerable row without references is unscored: nothing is known to
            be right.
        confidences: of the replies, higher is surer, on any scale; adds `aurc` and `e_aurc`.
        labels: "correct", "incorrect", "abstain" or "unscored" by another judge, instead of the string match.
        questions: what was asked, which some matches need ("Which is taller, A or B?").
        abstain_value: what an abstention is worth in `lambda_score`, between an error (0) and a right answer (1); by
            default 0.5, half of a right answer.
        rows: whether to add `rows`, the outcome of each.
        curve: whether to add `risk_coverage`, points of confidence, coverage and risk.

    Returns:
        Figures from 0 to 1, None where there is nothing to count; counts (`n` is the sum of `correct`, `incorrect`,
        `abstained` and `unscored`, `answerable` is how many should answer); `bounds`, between which each figure would
        lie if the unscored rows were scored; `always_abstain`, the figures of a model that never answers.

    Raises:
        UserError: for columns that do not fit; it names the row.

    Relations: `scoring.outcomes`, `scoring.abstention` and `scoring.risk_coverage` have the formulas;
    `hf_selfdemo.metrics.load("abstention")` is the same as a module of `evaluate`.

    Example:
        >>> found = score(["It is Bern.", "I don't know.", "Basel"], [["Bern"], ["Oslo"], []])
        >>> found["accuracy_given_attempted"], found["abstention_recall"], found["false_refusals"]
        (0.5, 0.0, 0.5)
        >>> found["always_abstain"]["abstention_recall"], found["always_abstain"]["accuracy_given_attempted"]
        (1.0, None)
    """
    read = read_rows(predictions, references, questions)
    due = [bool(row.answers) for row in read]
    if answerable is not None:
        due = column("answerable", answerable, lambda value: value in (True, False), "give True or False", len(read))
    outcomes = [_outcome(row, may_answer) for row, may_answer in zip(read, due, strict=True)]
    if labels is not None:
        outcomes = column("labels", labels, lambda value: value in _LABELS, f"give one of {_LABELS}", len(read))
    judged = [
        Prediction(str(i), "rag", row.text, outcome, bool(may_answer), bool(may_answer))
        for i, (row, outcome, may_answer) in enumerate(zip(read, outcomes, due, strict=True))
    ]
    if curve and confidences is None:
        raise UserError("curve needs confidences", "give one number a row, higher where the model is surer")
    areas, area_bounds = _areas(outcomes, confidences)
    return {
        **_figures(judged, abstain_value),
        **areas,
        **_counts(judged),
        "bounds": bounds(judged, partial(_figures, abstain_value=abstain_value)) | area_bounds,
        "always_abstain": _figures(always_abstaining(judged), abstain_value) | dict.fromkeys(areas),
        **({"risk_coverage": [p._asdict() for p in risk_coverage(outcomes, confidences or [])]} if curve else {}),
        **({"rows": [{"outcome": p.label, "answerable": p.answerable} for p in judged]} if rows else {}),
    }


def _outcome(row: Row, may_answer: bool) -> Label:
    """The label by match; unscored where an answer was due and nobody knows which one."""
    label = label_by_match(*row)
    return "unscored" if may_answer and not row.answers and label == "incorrect" else label


def _figures(judged: Sequence[Prediction], abstain_value: float) -> dict[str, float | None]:
    found = abstention_figures(judged, abstain_value)
    return {name: found[source] for name, source in FIGURES.items()}


def _areas(
    outcomes: Sequence[Label], confidences: Sequence[float] | None
) -> tuple[dict[str, float | None], dict[str, tuple[float, float] | None]]:
    """Areas and the bounds of those that have any; nothing without confidences."""
    if confidences is None:
        return {}, {}
    areas = {"aurc": aurc(outcomes, confidences), "e_aurc": e_aurc(outcomes, confidences)}
    return areas, {"aurc": aurc_bounds(outcomes, confidences)}


def _counts(judged: Sequence[Prediction]) -> dict[str, int]:
    counts = Counter(p.label for p in judged)
    return {
        "n": len(judged),
        "answerable": sum(p.answerable for p in judged),
        "correct": counts["correct"],
        "incorrect": counts["incorrect"],
        "abstained": counts["abstain"],
        "unscored": counts["unscored"],
    }
