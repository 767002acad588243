"""A cache that holds no texts, for results that are dear to come by and small."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def by_digest(most: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """As `functools.lru_cache`, but arguments are known by their digest, so that long ones are not held.

    Args:
        most: results to keep; with one more, it begins anew.

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
            with suppress(KeyError):  # another thread may have begun anew
                return known[key]
            found = compute(*args, **kwargs)
            if len(known) >= most:
                known.clear()
            known[key] = found
            return found

        return look_up

    return decorate
