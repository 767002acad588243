"""Rules for single clauses: a pattern, and words without which it is not tried."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

_NO_LETTERS = str.maketrans(dict.fromkeys(".,;:!?()[]{}<>\"'“”„«»’‘*_`-–—/\\…|¿¡", " "))


class Rule(NamedTuple):
    """`pattern` is looked for in texts that hold one word of each group in `needs`.

    Those of the first group are in whatever the pattern finds, and only save time; others may narrow its meaning.
    """

    needs: tuple[frozenset[str], ...]
    pattern: re.Pattern[str]


def rule(needs: str, *patterns: str) -> Rule:
    """Make a rule of alternative `patterns`.

    Args:
        needs: words, with "&" between groups of them, as `words` finds them.
        patterns: regular expressions. A blank stands for any number of blanks and " ?" for none too, since blotting
            leaves gaps; the one group of each is the phrase that declines.

    Example:
        >>> rule("not", "(do not) know").pattern.search("i do  not know").group(1)
        'do  not'
    """
    spaced = (re.sub(r" \??", lambda blank: " *" if "?" in blank[0] else " +", pattern) for pattern in patterns)
    return Rule(tuple(frozenset(group.split()) for group in needs.split("&")), re.compile("|".join(spaced)))


def words(text: str) -> set[str]:
    """The words of `text`, parted at apostrophes too ("don't" has "t"); of Chinese and Japanese, single characters.

    Example:
        >>> sorted(words("i don't know."))
        ['don', 'i', 'know', 't']
    """
    found = set(text.translate(_NO_LETTERS).split())
    return found if text.isascii() else found.union(text)


class Rulebook(tuple[Rule, ...]):
    """Rules in the order in which they are tried, found by the words that they need."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.places: dict[str, list[int]] = {}
        for place, (needs, _) in enumerate(self):
            for word in needs[0]:
                self.places.setdefault(word, []).append(place)
        self.needed = frozenset(self.places)


def find(rules: Iterable[Rule], text: str, held: AbstractSet[str]) -> tuple[int, int] | None:
    """Where the first of `rules` that applies finds its phrase.

    Args:
        rules: in the order in which they are tried; at best a `Rulebook`.
        text: a clause in lower case.
        held: its `words`.

    Example:
        >>> find([rule("not t", "(does ?(?:not|n't) say)")], "it doesn't say", words("it doesn't say"))
        (3, 14)
    """
    book = rules if isinstance(rules, Rulebook) else Rulebook(rules)
    for place in sorted({place for word in book.needed & held for place in book.places[word]}):
        needs, pattern = book[place]
        for group in needs[1:]:
            if group.isdisjoint(held):
                break
        else:
            found = pattern.search(text)
            if found:
                return found.span(found.lastindex or 0)
    return None


def needed(rules: Iterable[Rule]) -> frozenset[str]:
    """Words of which a text must hold one for any of `rules` to apply.

    Example:
        >>> sorted(needed([rule("not never", "x"), rule("no & one", "y")]))
        ['never', 'no', 'not']
    """
    return frozenset().union(*(needs[0] for needs, _ in rules))
