"""What the models said to the test questions, found again by what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Prediction
from hf_selfdemo.evaluation.evaluated import Evaluation

CHANGED = "changed"
"""Stands for every kind of change at once."""


@dataclass(frozen=True)
class Pair:
    """One row with what two models said to it."""

    evidence: Evidence
    before: Prediction
    after: Prediction

    @property
    def change(self) -> tuple[str, str]:
        """The labels of both."""
        return self.before.label, self.after.label


class Replies:
    """The replies of a finished evaluation, those of its first column beside those of another.

    Args:
        folder: of the evaluation.

    Raises:
        UserError: if there is none, or one that has nothing to compare.
    """

    def __init__(self, folder: Path) -> None:
        evaluation = Evaluation(folder)
        self.title: str = evaluation.manifest["title"]
        first, *others = [evaluation.column(name) for name in evaluation.columns]
        if not others:
            raise UserError(f"{folder} holds the replies of {first.name} alone", "train, then evaluate again")
        self.first, self.others = first.name, [column.name for column in others]
        self._pairs: dict[tuple[str, str], list[Pair]] = {
            (mode, column.name): _pairs(evaluation.evidence, predictions, column.predictions[mode])
            for column in others
            for mode, predictions in first.predictions.items()
            if mode in column.predictions
        }
        if not self._pairs:
            raise UserError(f"{folder}: {first.name} and the others were asked in no common mode", "evaluate again")

    @property
    def modes(self) -> list[str]:
        """With passages and without, as far as the models were asked so."""
        return list(dict.fromkeys(mode for mode, _ in self._pairs))

    @property
    def kinds(self) -> set[tuple[str, str]]:
        """Labels of the first column and of another, as they stand together in any mode."""
        return {pair.change for pairs in self._pairs.values() for pair in pairs}

    def find(self, mode: str, column: str, change: str = "", search: str = "") -> list[Pair]:
        """The rows that fit all that is asked for; what is "" does not matter.

        Args:
            mode: in which the models were asked.
            column: the model beside the first one.
            change: labels as "incorrect abstain", or `CHANGED`.
            search: words that stand in the question, an accepted answer, a reply or the id.
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
