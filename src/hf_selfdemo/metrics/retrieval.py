"""Measures retrieval, against the gold passages and by whether passages contain the answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.scoring.answers.passages import holds_answer

MEASURES = ("R@1", "R@5", "R@10", "R@20", "RR", "nDCG@10")
"""Recall at k, reciprocal rank and nDCG, in the names of ir-measures. Success@k is 1 if any gold passage is found."""


def retrieval_figures(evidence: Iterable[Evidence], measures: Sequence[str] = MEASURES) -> dict[str, float]:
    """The mean of each measure over the questions with known gold passages, computed by trec_eval through ir-measures.

    The order of `Evidence.passages` is measured. Their scores are not used, because trec_eval would order equal scores
    in its own way. Every gold passage counts the same. A question without passages counts 0. Counterfactual twins,
    whose gold passages were removed, are left out. `beir` reports the same measures.

    Every run prints `retrieval.evidence.recall_report` instead, which counts questions with any gold passage or any
    passage that contains the answer.

    Args:
        evidence: questions with their passages, best first, at least as many as the highest cut-off.
        measures: names of measures in ir-measures.

    Returns:
        Each measure by its name, and `questions`, the number of questions.

    Raises:
        UserError: if ir-measures is not installed or a measure is unknown, no question has a gold passage, or the gold
            ids of one are a single string.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> found = Evidence(Question("1", "Who?", gold_ids=("a", "b")), (Passage("c", "..."), Passage("a", "...")))
        >>> retrieval_figures([found], ["R@2", "RR"])
        {'R@2': 0.5, 'RR': 0.5, 'questions': 1}
    """
    rows = [row for row in evidence if row.question.gold_ids and not row.gold_removed]
    if not rows:
        raise UserError("no question has a gold passage", "map a column to `gold`, or use recall_report")
    for row in rows:
        if isinstance(row.question.gold_ids, str):  # every letter would be an id
            raise UserError(f"gold_ids of {row.id!r} is {row.question.gold_ids!r}", "give the ids as a tuple")
    library = _ir_measures()
    wanted = [_measure(library, name) for name in measures]
    relevant = {str(i): dict.fromkeys(row.question.gold_ids, 1) for i, row in enumerate(rows)}
    ranking = {str(i): _ranking(row) for i, row in enumerate(rows)}
    means = library.calc_aggregate(wanted, relevant, ranking)
    return {name: means[measure] for name, measure in zip(measures, wanted, strict=True)} | {"questions": len(rows)}


def _ranking(row: Evidence) -> dict[str, float]:
    """The ranking by id. The pieces of a gold document count as the document, at the rank of the first piece."""
    ranking: dict[str, float] = {}
    for rank, passage in enumerate(row.passages):
        named = [gold for gold in row.question.gold_ids if replace(row.question, gold_ids=(gold,)).is_gold(passage)]
        for identifier in named or [passage.id]:
            ranking.setdefault(identifier, -float(rank))
    return ranking


def answer_in_context(row: Evidence) -> bool:
    """Whether any passage contains an accepted answer, as in the column `answer_in_context` of a run's rows.

    It is false for an unanswerable question, even if its gold answer, where given, appears in a passage by accident.
    `scoring.answers.passages.holds_answer` checks a single passage.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> shown = (Passage("a", "It opened on Dec 25th, 2001."),)
        >>> answer_in_context(Evidence(Question("1", "When did it open?", ("25 December 2001",)), shown))
        True
    """
    asked = row.question
    return asked.answerable and any(holds_answer(passage, asked.answers, asked.text) for passage in row.passages)


def _ir_measures() -> Any:
    try:
        import ir_measures
    except ModuleNotFoundError:
        remedy = "pip install 'hf-selfdemo[retrieval-metrics]'"
        raise UserError("retrieval_figures needs ir-measures", remedy) from None
    return ir_measures


def _measure(library: Any, name: str) -> Any:
    try:
        measure = library.parse_measure(name)
        measure.validate_params()
        if measure.params.get("cutoff", 1) < 1:  # trec_eval would exit the process
            raise ValueError
        return measure
    except (NameError, ValueError, AssertionError, TypeError):
        raise UserError(
            f"measure {name!r} is unknown",
            "write it as ir-measures does, with a cut-off of 1 or more, e.g. R@5, RR or nDCG@10",
        ) from None
