"""The labels of the report page, and for each metric whether higher is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_selfdemo.evaluation.report.table import ROWS

MODE_NAMES = {"rag": "With passages", "closed_book": "Without passages"}

GROUP_NAMES = {
    "all": "All rows",
    "in_context": "Rows whose passages contain the answer",
    "not_in_context": "Rows whose passages do not contain the answer",
}

LABEL_NAMES = {"correct": "correct", "incorrect": "incorrect", "abstain": "abstained", "unscored": "unscored"}

SUMMARY = {
    "rag": {
        key: ROWS[key]
        for key in ("accuracy_in_context", "false_refusals", "abstention_recall", "hallucination_not_in_context")
    },
    "closed_book": {"accuracy": "closed-book: correct"},
}
"""The metrics of the summary."""

TABLES = {
    "rag": {
        "all": {
            "accuracy": "correct",
            "hallucination_rate": "incorrect",
            "abstention_rate": "abstained",
            "accuracy_given_attempted": "correct, of attempted",
            "f_score": "F-score",
        },
        "in_context": {
            "accuracy_in_context": "correct",
            "hallucination_in_context": "incorrect",
            "false_refusals": "false refusals",
        },
        "not_in_context": {
            "accuracy_not_in_context": "correct",
            "hallucination_not_in_context": "incorrect",
            "abstention_recall": "abstention recall",
        },
    },
    "closed_book": {
        "all": {
            "accuracy": "correct",
            "hallucination_rate": "incorrect",
            "abstention_rate": "abstained",
            "accuracy_given_attempted": "correct, of attempted",
            "f_score": "F-score",
        }
    },
}
"""The metrics of the tables of changes, by mode and group."""

REJECTED = "on_policy/rejected"
"""The on-policy figure of rejected texts. It is measured on every row with a pair, but shown for DPO only."""

METER_NAMES = {
    "on_policy/chosen": "training targets",
    "on_policy/chosen_answer": "answers among them",
    "on_policy/chosen_abstain": "abstentions among them",
    REJECTED: "rejected texts",
    "on_policy/gold": "gold answers, same prompts",
    "on_policy/gold_answer": "gold answers of the answering rows",
}

ABILITY_NAMES = {
    "letter_acc": "choices by letter",
    "text_acc": "choices by text",
    "text_acc_norm": "choices by text, per character",
    "own_replies": "replies to instructions, nats per token",
}
"""Labels of the metrics of `ability`."""

_MORE_IS_BETTER = {
    "accuracy": True,
    "hallucination_rate": False,
    "accuracy_given_attempted": True,
    "f_score": True,
    "accuracy_in_context": True,
    "hallucination_in_context": False,
    "false_refusals": False,
    "hallucination_not_in_context": False,
    "abstention_recall": True,
}
"""Whether higher is better. Metrics for which that depends on the questions are missing."""


def verdict(change: Mapping[str, Any]) -> str:
    """A change in a few words.

    Args:
        change: result of `asdict` for a `paired.Change`.

    Example:
        >>> verdict({"figure": "false_refusals", "interval": (0.01, 0.2)})
        'worse'
        >>> verdict({"figure": "false_refusals", "interval": (-0.01, 0.2)})
        'no clear change'
        >>> verdict({"figure": "false_refusals", "interval": (-0.25, 1.0), "rows_to_tell": 9})
        'too few rows; about 9 are needed'
    """
    if change["interval"] is None:
        return ""
    low, high = change["interval"]
    if rows := change.get("rows_to_tell"):
        return f"too few rows; about {rows:,} are needed"
    if low <= 0 <= high:
        return "no clear change"
    if change["figure"] not in _MORE_IS_BETTER:
        return "more" if low > 0 else "less"
    return "better" if (low > 0) == _MORE_IS_BETTER[change["figure"]] else "worse"
