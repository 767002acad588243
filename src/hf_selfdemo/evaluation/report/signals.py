"""How well each signal of a model separates correct from incorrect answers, and rows with the answer from others.

Every row counts by its attempt, which is the reply or the withheld answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from rich.table import Table

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.report.resampling import percentiles, resampled
from hf_selfdemo.evaluation.report.table import figure_cell, text_table
from hf_selfdemo.scoring.confidence import attempt, cross_fitted, question_of
from hf_selfdemo.scoring.roc import area, areas

MIX = "mix"
"""A logistic regression on all signals, fitted to other questions of the same evaluation."""

SIGNAL_NAMES = {
    "retriever_score": "the retriever's score",
    "refusal": "probability of a refusal",
    "logprob": "mean log-probability",
    "verdict": "probability of the verdict that the answer is absent",
    "unsure": "probability of the statement that it is unsure",
    "relevance": "probability that the passage is relevant",
    "support": "support of the answer by the passage",
    "utility": "utility by the model's own token",
    "retrieval": "probability that the model requests passages",
    "agreement": "agreement of the answers",
    "note_logprob": "log-probability of the note",
    "confidence": "confidence",
    MIX: "mix of the signals, cross-fitted",
}
"""Labels of signals in tables; a signal without a label is shown by its name."""

_AGAINST = frozenset(("refusal", "verdict", "unsure"))
"""Signals that are high where the model tends to abstain."""

_RESAMPLES = 2_000
"""Number of bootstrap draws; fewer than elsewhere, because each draw goes through all rows."""

_LABELLED = {"correct": True, "incorrect": False}

TASKS = {"right": "correct vs. incorrect", "in_context": "answer in context vs. not"}
"""What a signal should separate, with the labels in tables."""


def tried(prediction: Prediction) -> Prediction:
    """The attempt at a row: the reply or the withheld answer; an abstention if there is no withheld answer."""
    return attempt(prediction) or prediction


def signals_of(prediction: Prediction) -> dict[str, float]:
    """The signals and the confidence of the attempt at a row, by name; higher always means more confident.

    Example:
        >>> said = Prediction("1", "rag", "Bern", "correct", True, True, confidence=0.5, signals=(("refusal", 0.25),))
        >>> signals_of(said)
        {'refusal': -0.25, 'confidence': 0.5}
    """
    told = {name: -value if name in _AGAINST else value for name, value in tried(prediction).signals}
    return told if prediction.confidence is None else told | {"confidence": prediction.confidence}


def with_mix(predictions: Sequence[Prediction]) -> list[Prediction]:
    """The predictions with one more signal: a mix of all others, fitted to other questions (cross-fitting).

    Args:
        predictions: predictions of one model in one mode; returned unchanged if too few are labelled for a mix.
    """
    labelled = [i for i, p in enumerate(predictions) if tried(p).label in _LABELLED]
    try:
        confidences = cross_fitted([tried(predictions[i]) for i in labelled])
    except UserError:
        return list(predictions)
    found = list(predictions)
    for i, confidence in zip(labelled, confidences, strict=True):
        if confidence is not None:
            said = tried(found[i])
            mixed = replace(said, signals=(*said.signals, (MIX, confidence)))
            found[i] = mixed if said is found[i] else replace(found[i], withheld=mixed)
    return found


def signal_figures(predictions: Sequence[Prediction], seed: int = 0) -> dict[str, dict[str, Any]]:
    """The area under the ROC curve of each signal for each of `TASKS`, with a 95% bootstrap interval.

    Args:
        predictions: predictions of one model in one mode.
        seed: seed of the draws. Questions are drawn, so that a row and its counterfactual twin stay together.

    Returns:
        By signal and task: `value`, `interval`, and `rows`, the number of rows with the signal and a known class.

    Example:
        >>> said = [Prediction(str(i), "rag", "Bern", "correct" if i else "incorrect", bool(i), bool(i),
        ...                    signals=(("refusal", 0.5 - i / 10),)) for i in range(3)]
        >>> found = signal_figures(said)["refusal"]
        >>> found["right"]["value"], found["in_context"]["rows"]
        (1.0, 3)
    """
    rows = [signals_of(p) for p in predictions]
    told = {name for row in rows for name in row}
    names = [name for name in SIGNAL_NAMES if name in told] + sorted(told - SIGNAL_NAMES.keys())
    kinds = {
        "right": [_LABELLED.get(tried(p).label) for p in predictions],
        "in_context": [p.answer_in_context if p.mode == "rag" else None for p in predictions],
    }
    questions = [question_of(p.id) for p in predictions]
    return {
        name: {task: _area([row.get(name) for row in rows], kind, questions, seed) for task, kind in kinds.items()}
        for name in names
    }


def _area(
    values: Sequence[float | None], kinds: Sequence[bool | None], questions: Sequence[str], seed: int
) -> dict[str, Any]:
    known = [i for i, pair in enumerate(zip(values, kinds, strict=True)) if None not in pair]
    scores = np.array([values[i] for i in known], dtype=float)
    positive = np.array([kinds[i] for i in known], dtype=bool)
    value = area(scores, positive)
    if value is None:
        return {"value": None, "interval": None, "rows": len(known)}
    _, question = np.unique([questions[i] for i in known], return_inverse=True)
    drawn = resampled(np.ones(question.max() + 1, dtype=np.int64), seed, _RESAMPLES)[:, question]
    return {"value": value, "interval": percentiles(areas(scores, positive, drawn)), "rows": len(known)}


def best_signal(figures: Mapping[str, Mapping[str, Any]], predictions: Sequence[Prediction]) -> str | None:
    """The signal for the risk-coverage curve: the confidence, else the mix, else the one with the largest area.

    Args:
        figures: result of `signal_figures`.
        predictions: the predictions of these figures.

    Returns:
        A signal that all labelled attempts have; None if there is no such signal or no attempt.
    """
    attempts = sum(tried(p).label in _LABELLED for p in predictions)
    known = {name: found["right"]["value"] for name, found in figures.items() if found["right"]["rows"] == attempts}
    if not (attempts and known):
        return None
    first = [name for name in ("confidence", MIX) if name in known]
    return first[0] if first else max(known, key=lambda name: known[name] or 0.0)


def signals_table(figures: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Table | None:
    """The table of signals for `rich.print`; None if no reply has a signal.

    Args:
        figures: results of `signal_figures`, by mode and column.
    """
    rows = [
        [column, SIGNAL_NAMES.get(name, name), *(figure_cell(found[t]["value"], found[t]["interval"]) for t in TASKS)]
        for column, signals in figures.get("rag", {}).items()
        for name, found in signals.items()
    ]
    title = "area under the ROC curve of each signal, over attempts with passages (.5 is chance)"
    return text_table(title, ["", "signal", *TASKS.values()], rows) if rows else None
