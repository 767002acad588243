"""The rules of a knock-out tournament, without deciding its matches. Each entrant is a unique number."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def brackets(entrants: Sequence[int], size: int) -> list[list[int]]:
    """Split entrants, in order, into the fewest matches of at most `size`, with sizes as equal as possible.

    Example:
        >>> brackets([5, 3, 8, 1], 3)
        [[5, 3], [8, 1]]
    """
    n, matches = len(entrants), math.ceil(len(entrants) / size)
    return [list(entrants[i * n // matches : (i + 1) * n // matches]) for i in range(matches)]


def rounds(entrants: int, size: int) -> int:
    """The number of rounds until one of so many entrants is left, with matches of at most `size`.

    Example:
        >>> [rounds(n, 3) for n in (1, 2, 3, 4, 9, 10)]
        [0, 1, 1, 2, 2, 3]
    """
    played = 0
    while entrants > 1:
        entrants = math.ceil(entrants / size)
        played += 1
    return played


def rotations(match: Sequence[int], orders: int) -> list[list[int]]:
    """At most `orders` orders in which to show a match. With one order per entrant, each is in every position once.

    Example:
        >>> rotations([4, 7, 2], 2)
        [[4, 7, 2], [7, 2, 4]]
    """
    return [[*match[k:], *match[:k]] for k in range(min(orders, len(match)))]


def elect(match: Sequence[int], ballots: Sequence[Mapping[int, float]]) -> int | None:
    """The entrant with the highest sum over all ballots, or the first of several; None if there are no ballots.

    Example:
        >>> elect([4, 7], [{4: -0.1, 7: -2.0}, {7: -0.1, 4: -2.0}])
        4
    """
    if not ballots:
        return None
    # fsum, because the rounding of a plain sum depends on the order of its terms, and would decide ties
    return max(match, key=lambda entrant: math.fsum(ballot[entrant] for ballot in ballots))
