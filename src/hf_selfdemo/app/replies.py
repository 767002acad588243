"""Search the replies of two models to the test questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Prediction
from hf_selfdemo.evaluation.evaluated import Evaluation

CHANGED = "changed"
"""The value that means every kind of change."""


@dataclass(frozen=True)
class Pair:
    """One row with the replies of two models."""

    evidence: Evidence
    before: Prediction
    after: Prediction

    @property
    def change(self) -> tuple[str, str]:
        """The labels of both replies."""
        return self.before.label, self.after.label


class Replies:
    """The replies of a finished evaluation: those of its first column, paired with those of another.

    Args:
        folder: the folder of the evaluation.

    Raises:
        UserError: if there is no evaluation, or it has only one column.
    """

    def __init__(self, folder: Path) -> None:
        evaluation = Evaluation(folder)
        self.title: str = evaluation.manifest["title"]
        first, *others = [evaluation.column(name) for name in evaluation.columns]
        if not others:
            raise UserError(f"{folder} contains only the replies of {first.name}", "train, then evaluate again")
        self.first, self.others = first.name, [column.name for column in others]
        self._pairs: dict[tuple[str, str], list[Pair]] = {
            (mode, column.name): _pairs(evaluation.evidence, predictions, column.predictions[mode])
            for column in others
            for mode, predictions in first.predictions.items()
            if mode in column.predictions
        }
        if not self._pairs:
            raise UserError(f"in {folder}, {first.name} has no mode in common with the other columns", "evaluate again")

    @property
    def modes(self) -> list[str]:
        """The modes in which the models were asked."""
        return list(dict.fromkeys(mode for mode, _ in self._pairs))

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """The pairs of labels of the first column and of another, in any mode."""
        return {pair.change for pairs in self._pairs.values() for pair in pairs}

    def find(self, mode: str, column: str, change: str = "", search: str = "") -> list[Pair]:
        """The rows that match all conditions. A condition "" matches every row.

        Args:
            mode: the mode in which the models were asked.
            column: the model to compare with the first one.
            change: both labels, such as "incorrect abstain", or `CHANGED`.
            search: words in the question, a gold answer, a reply or the id.
        """
        wanted = search.casefold().split()
        return [
            pair
            for pair in self._pairs.get((mode, column), ())
            if change in ("", " ".join(pair.change)) or (change == CHANGED and len(set(pair.change)) > 1)
            if all(word in _words(pair) for word in wanted)
        ]


def _pairs(evidence: Mapping[str, Evidence], one: Sequence[Prediction], other: Sequence[Prediction]) -> list[Pair]:
    theirs = {prediction.id: prediction for prediction in other}
    return [Pair(evidence[p.id], p, theirs[p.id]) for p in one if p.id in theirs]


def _words(pair: Pair) -> str:
    question = pair.evidence.question
    return "\n".join([question.text, *question.answers, pair.before.text, pair.after.text, pair.before.id]).casefold()
