"""What a count of errors proves about the underlying rate: exact binomial bounds for independently drawn rows."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bound:
    """An upper bound on a rate: at confidence `level`, it is at most `upper` for questions like those counted.

    Args:
        rate: name of the rate in `outcomes.figures`.
        hits: number of rows that count towards the rate, including unscored ones.
        rows: number of rows in all, one per question.
        level: minimum share of draws of such rows for which the bound is true.
        upper: the bound, a share from 0 to 1.
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
            'hallucination rate at most .108 with level .9, for questions like the 60 that were counted (errors: 3)'
        """
        level = f"{self.level:.3g}".removeprefix("0")
        upper = f"{self.upper:.3f}".removeprefix("0")
        counted = f"for questions like the {self.rows} that were counted (errors: {self.hits})"
        return f"{self.rate.replace('_', ' ')} at most {upper} with level {level}, {counted}"


def clopper_pearson(rate: str, hits: int, rows: int, level: float) -> Bound:
    """The one-sided upper bound of Clopper and Pearson (1934).

    Args:
        rate: name of the rate, as in `Bound`.
        hits: number of rows that count towards the rate.
        rows: number of rows in all.
        level: confidence level of the bound, between 0 and 1.

    Example:
        >>> round(clopper_pearson("hallucination_rate", 0, 22, 0.9).upper, 3)
        0.099
    """
    from scipy.stats import beta

    upper = 1.0 if hits >= rows else float(beta.ppf(level, hits + 1, rows - hits))
    return Bound(rate, hits, rows, level, upper)


def passes(hits: int, rows: int, limit: float, level: float) -> bool:
    """Whether so few hits have a probability of at most 1 - `level` if the rate is `limit` or more.

    Example:
        >>> passes(0, 22, 0.1, 0.9), passes(0, 21, 0.1, 0.9), passes(1, 22, 0.1, 0.9)
        (True, False, False)
    """
    from scipy.stats import binom

    return bool(binom.cdf(hits, rows, limit) <= 1 - level)


def rows_needed(limit: float, level: float) -> int:
    """The fewest rows that prove a rate of at most `limit` if none of them is a hit.

    Example:
        >>> rows_needed(0.1, 0.9), rows_needed(0.05, 0.95)
        (22, 59)
    """
    return math.ceil(math.log(1 - level) / math.log(1 - limit))
