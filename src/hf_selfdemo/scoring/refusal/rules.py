"""Rules for single clauses: a regular expression, and words without which it is not tried."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import NamedTuple

_NO_LETTERS = str.maketrans(dict.fromkeys(".,;:!?()[]{}<>\"'“”„«»’‘*_`-–—/\\…|¿¡", " "))


class Rule(NamedTuple):
    """A regular expression that is tried on texts with at least one word of each group in `needs`.

    Every match contains a word of the first group, so that group only saves time. Other groups may narrow the rule.
    """

    needs: tuple[frozenset[str], ...]
    pattern: re.Pattern[str]


def rule(needs: str, *patterns: str) -> Rule:
    """Make a rule from alternative regular expressions.

    Args:
        needs: the words that a text needs, as `words` returns them, in groups separated by "&".
        patterns: regular expressions. A space matches one or more spaces, and " ?" zero or more, since masking leaves
            gaps. The only group of each is the abstention phrase.

    Example:
        >>> rule("not", "(do not) know").pattern.search("i do  not know").group(1)
        'do  not'
    """
    spaced = (re.sub(r" \??", lambda blank: " *" if "?" in blank[0] else " +", pattern) for pattern in patterns)
    return Rule(tuple(frozenset(group.split()) for group in needs.split("&")), re.compile("|".join(spaced)))


def words(text: str) -> set[str]:
    """The words of `text`, also split at apostrophes, and the characters of non-ASCII text (for Chinese and Japanese).

    Example:
        >>> sorted(words("i don't know."))
        ['don', 'i', 'know', 't']
    """
    found = set(text.translate(_NO_LETTERS).split())
    return found if text.isascii() else found.union(text)


class Rulebook(tuple[Rule, ...]):
    """Rules in the order in which they are tried, indexed by the words of their first group."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self.places: dict[str, list[int]] = {}
        for place, (needs, _) in enumerate(self):
            for word in needs[0]:
                self.places.setdefault(word, []).append(place)
        self.needed = frozenset(self.places)


def find(rules: Iterable[Rule], text: str, held: AbstractSet[str]) -> tuple[int, int] | None:
    """The start and end of the phrase that the first matching rule finds in `text`; None if no rule matches.

    Args:
        rules: the rules, in the order in which they are tried; a `Rulebook` is fastest.
        text: a clause in lower case.
        held: the `words` of `text`.

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
    """The words of which a text must contain at least one for any of `rules` to match.

    Example:
        >>> sorted(needed([rule("not never", "x"), rule("no & one", "y")]))
        ['never', 'no', 'not']
    """
    return frozenset().union(*(needs[0] for needs, _ in rules))
