"""Measures whether replies abstain from unanswerable questions and answer the others."""

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
"""The metric's figures and their names in `scoring.abstention`, which separates question and passages."""

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
    """Three outcomes (correct, incorrect, abstained), and metrics of abstention.

    `scoring.outcomes`, `scoring.abstention` and `scoring.risk_coverage` have the formulas.
    `hf_selfdemo.metrics.load("abstention")` is the same metric as a module of `evaluate`.

    Args:
        predictions: the replies. An empty reply is unscored.
        references: the accepted answers and aliases of each row; empty if the question has none. Blank answers, as in
            `[""]`, are ignored.
        answerable: whether the reply should answer, e.g. because a passage contains the answer. By default, rows with
            references are answerable. An answer to an answerable row without references is unscored, since no correct
            answer is known.
        confidences: the confidence of each reply, higher is more confident, on any scale. Adds `aurc` and `e_aurc`.
        labels: "correct", "incorrect", "abstain" or "unscored" by another judge, instead of the string match.
        questions: the questions, which some matches need ("Which is taller, A or B?").
        abstain_value: the value of an abstention in `lambda_score`, between an incorrect answer (0) and a correct one
            (1). The default is 0.5.
        rows: whether to add `rows`, the outcome of each row.
        curve: whether to add `risk_coverage`, points of confidence, coverage and risk.

    Returns:
        Figures from 0 to 1, or None if no row counts. Counts: `n` is the sum of `correct`, `incorrect`, `abstained` and
        `unscored`, and `answerable` is the number of answerable rows. `bounds`: the range of each figure over all
        possible labels of the unscored rows. `always_abstain`: the figures of a model that never answers.

    Raises:
        UserError: for invalid columns. The message names the row.

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
        raise UserError("curve needs confidences", "give one number per row, higher if the model is more confident")
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
    """The label by string match. An answer to an answerable row without references is unscored."""
    label = label_by_match(*row)
    return "unscored" if may_answer and not row.answers and label == "incorrect" else label


def _figures(judged: Sequence[Prediction], abstain_value: float) -> dict[str, float | None]:
    found = abstention_figures(judged, abstain_value)
    return {name: found[source] for name, source in FIGURES.items()}


def _areas(
    outcomes: Sequence[Label], confidences: Sequence[float] | None
) -> tuple[dict[str, float | None], dict[str, tuple[float, float] | None]]:
    """The areas under the risk-coverage curve and the bounds of those that have bounds; empty without confidences."""
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
