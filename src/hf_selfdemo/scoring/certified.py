"""What a count of failures proves of the rate behind it: exact binomial tails, for rows drawn independently."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """With `level`, questions like those counted have a `rate` of at most `upper`.

    Args:
        rate: what was counted, as `outcomes.figures` names it.
        hits: of how many of the rows it holds, unscored ones among them.
        rows: that were looked at, each of a question of its own.
        level: how often, over draws of such rows, such a statement is true at least.
        upper: the bound.
    """

    rate: str
    hits: int
    rows: int
    level: float
    upper: float

    def words(self) -> str:
        """The bound as a sentence.

        Example:
            >>> Bound("hallucination_rate", 3, 60, 0.9, 0.1084).words()
            'hallucination rate at most .108 with level .9, for questions like the 60 that were counted (3 at fault)'
        """
        level = f"{self.level:.3g}".removeprefix("0")
        upper = f"{self.upper:.3f}".removeprefix("0")
        counted = f"for questions like the {self.rows} that were counted ({self.hits} at fault)"
        return f"{self.rate.replace('_', ' ')} at most {upper} with level {level}, {counted}"


def clopper_pearson(rate: str, hits: int, rows: int, level: float) -> Bound:
    """The upper bound of Clopper and Pearson (1934), one-sided.

    Args:
        rate: as in `Bound`.
        hits: as in `Bound`.
        rows: as in `Bound`.
        level: as in `Bound`.

    Example:
        >>> round(clopper_pearson("hallucination_rate", 0, 22, 0.9).upper, 3)
        0.099
    """
    from scipy.stats import beta

    upper = 1.0 if hits >= rows else float(beta.ppf(level, hits + 1, rows - hits))
    return Bound(rate, hits, rows, level, upper)


def passes(hits: int, rows: int, limit: float, level: float) -> bool:
    """Whether so few hits would be a surprise, at 1 - `level`, if the rate were `limit` or more.

    Example:
        >>> passes(0, 22, 0.1, 0.9), passes(0, 21, 0.1, 0.9), passes(1, 22, 0.1, 0.9)
        (True, False, False)
    """
    from scipy.stats import binom

    return bool(binom.cdf(hits, rows, limit) <= 1 - level)


def rows_needed(limit: float, level: float) -> int:
    """The fewest rows that prove a rate of at most `limit`, if none of them is a hit.

    Example:
        >>> rows_needed(0.1, 0.9), rows_needed(0.05, 0.95)
        (22, 59)
    """
    return math.ceil(math.log(1 - level) / math.log(1 - limit))
