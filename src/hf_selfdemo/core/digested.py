"""A cache for small results of expensive functions. It stores digests of the arguments instead of long texts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def by_digest(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As `functools.lru_cache`, but with digests as keys, so that long arguments are not kept in memory.

    Args:
        most: the most results to keep. Before one more is added, the cache is emptied.

    Example:
        >>> @by_digest(100)
        ... def vowels(text):
        ...     print("counted")
        ...     return sum(text.count(vowel) for vowel in "aeiou")
        >>> vowels("a long text"), vowels("a long text")
        counted
        (3, 3)
    """

    def decorate(compute: Callable[P, T]) -> Callable[P, T]:
        known: dict[bytes, T] = {}

        @wraps(compute)
        def look_up(*args: P.args, **kwargs: P.kwargs) -> T:
            key = hashlib.blake2b(repr((args, kwargs)).encode(), digest_size=16).digest()
            with suppress(KeyError):  # another thread may have emptied the cache
                return known[key]
            found = compute(*args, **kwargs)
            if len(known) >= most:
                known.clear()
            known[key] = found
            return found

        return look_up

    return decorate
