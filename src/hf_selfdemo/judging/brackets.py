"""The rules of a knock-out tournament, apart from who decides its matches. Entrants are numbers, told apart by them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence


def brackets(entrants: Sequence[int], size: int) -> list[list[int]]:
    """Split entrants, in order, into the fewest matches of at most `size`, as equal as can be.

    Example:
        >>> brackets([5, 3, 8, 1], 3)
        [[5, 3], [8, 1]]
    """
    n, matches = len(entrants), math.ceil(len(entrants) / size)
    return [list(entrants[i * n // matches : (i + 1) * n // matches]) for i in range(matches)]


def rounds(entrants: int, size: int) -> int:
    """How many rounds so many entrants play until one is left, in matches of at most `size`.

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
    """At most `orders` different orders to show a match in. With one for each entrant, each is once in every position.

    Example:
        >>> rotations([4, 7, 2], 2)
        [[4, 7, 2], [7, 2, 4]]
    """
    return [[*match[k:], *match[:k]] for k in range(min(orders, len(match)))]


def elect(match: Sequence[int], ballots: Sequence[Mapping[int, float]]) -> int | None:
    """Who has the highest sum over all ballots, of equals the earlier in the match; None if there is no ballot.

    Example:
        >>> elect([4, 7], [{4: -0.1, 7: -2.0}, {7: -0.1, 4: -2.0}])
        4
    """
    if not ballots:
        return None
    # fsum: a plain sum depends on the order of its terms, and would tell equals apart by its rounding
    return max(match, key=lambda entrant: math.fsum(ballot[entrant] for ballot in ballots))
