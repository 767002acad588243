"""Checks of the rows' texts, before tokenization."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from hf_selfdemo.data.rows import rejected_of
from hf_selfdemo.prompting.chat import control_tokens
from hf_selfdemo.scoring.normalise import normalise
from hf_selfdemo.training.preflight.findings import Findings

MANY_ABSTENTIONS = 0.8
"""Share of abstentions above which a model is likely to learn to abstain from everything."""


class Texts:
    """Checks the trained texts of rows.

    Args:
        tokenizer: a tokenizer whose control tokens should not occur in the texts.
        preference: whether rows are pairs.
        findings: collects the problems.
    """

    def __init__(self, tokenizer: Any, preference: bool, findings: Findings) -> None:
        tokens = control_tokens(tokenizer)
        self._control = re.compile("|".join(map(re.escape, tokens))) if tokens else None
        self._preference = preference
        self._findings = findings

    def usable(self, row: Mapping[str, Any]) -> bool:
        """Whether the row can be rendered; problems are added to the findings."""
        name, response = str(row["id"]), row.get("response") or ""
        rejected = next((one.text for one in rejected_of(row)), "")
        if not response.strip():
            self._findings.refuse("has an empty response", "drop it", name)
            return False
        if self._preference and not rejected.strip():
            self._findings.refuse("has an empty rejected text", "drop it", name)
            return False
        if self._preference and normalise(response) == normalise(rejected):
            self._findings.refuse("has a rejected text that equals its response", "drop it", name)
            return False
        texts = (response, rejected) if self._preference else _learnt(row)
        if self._control and any(map(self._control.search, texts)):
            remedy = "drop it if the model wrote them by mistake; they are trained as plain text"
            self._findings.warn("has control tokens of the chat template in its trained text", remedy, name)
        return True


def _learnt(row: Mapping[str, Any]) -> Sequence[str]:
    """The texts of a row that have a loss, without the control tokens that its method adds on purpose."""
    if not row.get("segments"):
        return (row["response"],)
    return [one["text"] for one in row["segments"] if one.get("loss") is not False and not one.get("trusted")]


def has_pair(row: Mapping[str, Any]) -> bool:
    """Whether a row has a rejected text, which may be empty."""
    return bool(rejected_of(row))


def check_ids(ids: Iterable[str], findings: Findings, kind: str = "row") -> None:
    """Check that ids are unique, since they name rows in messages and seed their draws."""
    for name, count in Counter(ids).items():
        if count > 1:
            findings.refuse("shares its id with another", "make ids unique", name, kind)


def check_balance(counts: Mapping[str, int], leave_gold_out_share: float, findings: Findings) -> None:
    """Check the share of abstentions. A model trained mostly on abstentions abstains from everything.

    Args:
        counts: number of rows by kind.
        leave_gold_out_share: share of the answering rows that are turned into abstentions in an epoch.
        findings: collects the problems.
    """
    answers, abstentions = counts.get("answer", 0), counts.get("abstain", 0)
    remedy = "lower max_abstain_share or leave_gold_out_share, or set abstain_when to not_in_context"
    if abstentions and not answers:
        findings.refuse("all rows with passages are abstentions, so the model would learn to abstain always", remedy)
        return
    share = (abstentions + leave_gold_out_share * answers) / max(1, answers + abstentions)
    if share > MANY_ABSTENTIONS:
        some = "up to " if leave_gold_out_share else ""
        findings.warn(f"{some}{share:.0%} of the rows with passages are abstentions", remedy)


def overlapping(rows: Iterable[Mapping[str, Any]], questions: Collection[str]) -> list[str]:
    """The ids of the rows whose normalised question is in `questions`.

    Example:
        >>> overlapping([{"id": "t1", "question": "Who painted the Guernica?"}], normalised(["who painted Guernica"]))
        ['t1']
    """
    return [str(row["id"]) for row in rows if normalise(row["question"]) in questions]


def normalised(questions: Iterable[str]) -> set[str]:
    """The questions in normalised form, for comparison."""
    return {normalise(question) for question in questions}


def check_overlap(
    questions: Iterable[str],
    eval_rows: Sequence[Mapping[str, Any]],
    test_rows: Sequence[Mapping[str, Any]],
    choosing: bool,
    findings: Findings,
) -> None:
    """Check that questions used for evaluation were not trained on and did not pick the checkpoint."""
    trained = normalised(questions)
    remedy = "remove the question from one of the two sets"
    for name in overlapping(eval_rows, trained):
        (findings.refuse if choosing else findings.warn)("has a question that is trained on", remedy, name, "eval row")
    for name in overlapping(test_rows, trained):
        findings.warn("has a question that is trained on", remedy, name, "test row")
    for name in overlapping(test_rows, normalised(row["question"] for row in eval_rows)):
        findings.warn("has the same question as an eval row", remedy, name, "test row")
