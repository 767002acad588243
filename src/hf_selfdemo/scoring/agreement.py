"""Does a judge say what people say? Agreement on correct or not, and what unscored rows leave open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import get_args

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Label
from hf_selfdemo.scoring.outcomes import Rate


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far a judge's "correct" is people's "correct". Rows that the judge left unscored are in `unscored` alone.

    `accuracy`: rows on which both say the same; `kappa`: Cohen's, which is 0 where chance alone would agree as often;
    `precision`: of what the judge calls correct, what people do; `recall`: of what people call correct, what it does.
    """

    accuracy: Rate
    kappa: float | None
    precision: Rate
    recall: Rate
    unscored: Rate


def agreement(said: Sequence[Label], people: Sequence[bool]) -> Agreement:
    """Compare a judge's labels with people's verdicts. An abstention is not correct, as people would say.

    Args:
        said: the judge's labels.
        people: True where people call the reply correct, in the same order.

    Raises:
        UserError: if there is not one verdict a label, or either is none; it names the row.

    Example:
        >>> found = agreement(["correct", "incorrect", "abstain", "unscored"], [True, True, False, True])
        >>> found.accuracy, round(found.kappa, 2), found.precision, found.recall
        (Rate(hits=2, total=3), 0.4, Rate(hits=1, total=1), Rate(hits=1, total=2))
    """
    _check(said, people)
    pairs = [(label == "correct", right) for label, right in zip(said, people, strict=True) if label != "unscored"]
    both = sum(judge and right for judge, right in pairs)
    return Agreement(
        accuracy=Rate(sum(judge == right for judge, right in pairs), len(pairs)),
        kappa=cohen_kappa([judge for judge, _ in pairs], [right for _, right in pairs]),
        precision=Rate(both, sum(judge for judge, _ in pairs)),
        recall=Rate(both, sum(right for _, right in pairs)),
        unscored=Rate(len(said) - len(pairs), len(said)),
    )


def agreement_bounds(said: Sequence[Label], people: Sequence[bool]) -> tuple[Agreement, Agreement]:
    """The agreement if the judge had contradicted people on every unscored row, and if it had said as they do.

    All four figures rise with each such row on which the two agree, so that these are their least and greatest values.

    Example:
        >>> worst, best = agreement_bounds(["correct", "unscored"], [True, True])
        >>> worst.accuracy, best.accuracy
        (Rate(hits=1, total=2), Rate(hits=2, total=2))
    """
    _check(said, people)

    def had_it_agreed(agreed: bool) -> Agreement:
        pairs = zip(said, people, strict=True)
        return agreement([_as_if(right == agreed) if s == "unscored" else s for s, right in pairs], people)

    return had_it_agreed(False), had_it_agreed(True)


def cohen_kappa(first: Sequence[Hashable], second: Sequence[Hashable]) -> float | None:
    """Agreement of two raters beyond chance, for any set of categories: (p - q) / (1 - q) (Cohen 1960).

    p is the share of rows on which they agree, q the share on which they would if each drew from its own verdicts at
    random. None where q is 1 (both always give one and the same verdict), or without rows.

    Raises:
        ValueError: if the two differ in length.

    Example:
        >>> cohen_kappa("aabb", "aaab")
        0.5
    """
    pairs = list(zip(first, second, strict=True))
    ours, theirs, n = Counter(first), Counter(second), len(pairs)
    chance = sum(count * theirs[verdict] for verdict, count in ours.items())  # of n * n
    if chance == n * n:
        return None
    return (n * sum(a == b for a, b in pairs) - chance) / (n * n - chance)


def _check(said: Sequence[Label], people: Sequence[bool]) -> None:
    if len(said) != len(people):
        raise UserError(f"{len(said)} labels meet {len(people)} verdicts of people", "give one of each a row")
    for row, label in enumerate(said):
        if label not in get_args(Label):
            raise UserError(f"said[{row}] is {label!r}", "give one of " + ", ".join(get_args(Label)))
    for row, right in enumerate(people):
        if right not in (True, False):  # numpy's are fine, too
            raise UserError(f"people[{row}] is {right!r}", "give True or False, and leave out what nobody judged")


def _as_if(correct: bool) -> Label:
    return "correct" if correct else "incorrect"
