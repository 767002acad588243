"""The agreement of a judge with people on which replies are correct, and bounds where rows are unscored."""

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
    """How well a judge and people agree on "correct". Rows that the judge left unscored count only in `unscored`.

    `accuracy`: the share of rows on which they agree. `kappa`: Cohen's kappa, which is 0 for agreement by chance.
    `precision`: the share of replies that people call correct, among those that the judge calls correct. `recall`: the
    share of replies that the judge calls correct, among those that people call correct.
    """

    accuracy: Rate
    kappa: float | None
    precision: Rate
    recall: Rate
    unscored: Rate


def agreement(said: Sequence[Label], people: Sequence[bool]) -> Agreement:
    """Compare a judge's labels with people's verdicts. An abstention counts as not correct.

    Args:
        said: the judge's label of each reply.
        people: whether people call the reply correct, in the same order.

    Raises:
        UserError: if there is not one verdict per label, or one of them is invalid; the message names the row.

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
    """The agreement if the judge had contradicted people on every unscored row, and if it had agreed on every one.

    All four figures rise with each unscored row on which they agree, so these are their lowest and highest values.

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
    """Cohen's kappa, the agreement of two raters beyond chance on any categories: (p - q) / (1 - q) (Cohen 1960).

    p is the share of rows on which they agree. q is the share on which they would agree if each drew its verdicts at
    random from its own. None if q is 1 (both always give the same verdict) or there are no rows.

    Raises:
        ValueError: if the two differ in length.

    Example:
        >>> cohen_kappa("aabb", "aaab")
        0.5
    """
    pairs = list(zip(first, second, strict=True))
    ours, theirs, n = Counter(first), Counter(second), len(pairs)
    chance = sum(count * theirs[verdict] for verdict, count in ours.items())  # out of n * n
    if chance == n * n:
        return None
    return (n * sum(a == b for a, b in pairs) - chance) / (n * n - chance)


def _check(said: Sequence[Label], people: Sequence[bool]) -> None:
    if len(said) != len(people):
        raise UserError(f"{len(said)} labels, but {len(people)} verdicts of people", "give one each per row")
    for row, label in enumerate(said):
        if label not in get_args(Label):
            raise UserError(f"said[{row}] is {label!r}", "give one of " + ", ".join(get_args(Label)))
    for row, right in enumerate(people):
        if right not in (True, False):  # accepts numpy's booleans, too
            raise UserError(f"people[{row}] is {right!r}", "give True or False, and leave out rows that nobody judged")


def _as_if(correct: bool) -> Label:
    return "correct" if correct else "incorrect"
