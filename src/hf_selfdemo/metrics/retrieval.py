"""How well passages were found: against the passages known to hold the answer, and by what they state."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.scoring.answers.passages import holds_answer

MEASURES = ("R@1", "R@5", "R@10", "R@20", "RR", "nDCG@10")
"""Recall at k, reciprocal rank and nDCG, as ir-measures writes them; Success@k is 1 where any gold passage is found."""


def retrieval_figures(evidence: Iterable[Evidence], measures: Sequence[str] = MEASURES) -> dict[str, float]:
    """The mean of each measure over the questions whose gold passages are known, by trec_eval through ir-measures.

    The order of `Evidence.passages` is what is measured; their scores are not looked at, because trec_eval would put
    ties in an order of its own. Every gold passage counts the same. A question for which nothing was found counts 0.
    Leave-gold-out twins, whose gold passages were taken away on purpose, are left out.

    Args:
        evidence: questions with their passages, best first, as deep as the deepest cut-off.
        measures: names that ir-measures knows.

    Returns:
        Each measure by its name, and `questions`, how many there were.

    Raises:
        UserError: if ir-measures is not installed or does not know a measure, no question names a gold passage,
            or one names it in a bare string.

    Relations: `retrieval.evidence.recall_report` looks for the answer's text and any gold passage, and is printed by
    every run; `beir` reports the same measures.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> found = Evidence(Question("1", "Who?", gold_ids=("a", "b")), (Passage("c", "..."), Passage("a", "...")))
        >>> retrieval_figures([found], ["R@2", "RR"])
        {'R@2': 0.5, 'RR': 0.5, 'questions': 1}
    """
    rows = [row for row in evidence if row.question.gold_ids and not row.gold_removed]
    if not rows:
        raise UserError("no question names a gold passage", "map a column to `gold`, or use recall_report")
    for row in rows:
        if isinstance(row.question.gold_ids, str):  # else every letter would be an id
            raise UserError(f"gold_ids of {row.id!r} is {row.question.gold_ids!r}", "give the ids as a tuple")
    library = _ir_measures()
    wanted = [_measure(library, name) for name in measures]
    relevant = {str(i): dict.fromkeys(row.question.gold_ids, 1) for i, row in enumerate(rows)}
    ranking = {str(i): _ranking(row) for i, row in enumerate(rows)}
    means = library.calc_aggregate(wanted, relevant, ranking)
    return {name: means[measure] for name, measure in zip(measures, wanted, strict=True)} | {"questions": len(rows)}


def _ranking(row: Evidence) -> dict[str, float]:
    """What was found, by id; the pieces of a gold document are that document, where its first piece stands."""
    ranking: dict[str, float] = {}
    for rank, passage in enumerate(row.passages):
        named = [gold for gold in row.question.gold_ids if replace(row.question, gold_ids=(gold,)).is_gold(passage)]
        for identifier in named or [passage.id]:
            ranking.setdefault(identifier, -float(rank))
    return ranking


def answer_in_context(row: Evidence) -> bool:
    """Whether some passage shown holds an accepted answer: what the field of that name says of a run's rows.

    False where the question cannot be answered, although its true answer, if given, may stand in a passage by accident.

    Relations: `scoring.answers.passages.holds_answer` looks into each passage.

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
        if measure.params.get("cutoff", 1) < 1:  # trec_eval would end the process
            raise ValueError
        return measure
    except (NameError, ValueError, AssertionError, TypeError):
        raise UserError(
            f"measure {name!r} is unknown", "write it as ir-measures does, e.g. R@5, RR or nDCG@10, from cut-off 1 on"
        ) from None
