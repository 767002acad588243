"""Names that share a word with the answer and belong to another: North and South Korea, two clubs of one town."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hf_selfdemo.scoring.answers.tables import GENERIC, STOPWORDS, each
from hf_selfdemo.scoring.answers.words import BREAK, Words, misspelt, root

QUALIFIERS = each("north south east west new")
"""Words before a name that make it another place's."""

_OTHER_LANDS = frozenset({("west", "virginia"), ("south", "africa"), ("south", "sudan"), ("south", "wale")})
_CLUBS = each("united city town county athletic rover wanderer albion")
_ARTICLES = each("a an the")
_REACH = 3  # up to two middle names may stand before the last one


def qualified(raw: Sequence[str], keys: Sequence[str]) -> tuple[str, str] | None:
    """The qualifier in a name with the word that it qualifies, if there is one.

    Args:
        raw: the words of an answer as they stand.
        keys: in the same places, their canonical forms.

    Example:
        >>> qualified(["North", "Korea"], ["north", "korea"]), qualified(["new", "shoes"], ["new", "shoe"])
        (('north', 'korea'), None)
    """
    for place, (key, name) in enumerate(pairwise(keys)):
        if key in QUALIFIERS and raw[place][0].isupper() and raw[place + 1][0].isupper() and name not in STOPWORDS:
            return key, name
    return None


def lacks_qualifier(text: Words, pair: tuple[str, str]) -> bool:
    """Whether a text has the qualified word, but nowhere its qualifier: "South Korea" or "Korea" for "North Korea".

    Example:
        >>> from hf_selfdemo.scoring.answers.words import words
        >>> lacks_qualifier(words("South Korea"), ("north", "korea"))
        True
        >>> lacks_qualifier(words("North and South Korea"), ("north", "korea"))
        False
    """
    qualifier, name = pair
    return name in text.keys and qualifier not in text.keys and qualifier[0] not in text.keys


def belongs_to_another(text: Words, name: str) -> bool:
    """Whether a text has a name of one word within another place's alone: "York" in "New York".

    Args:
        text: where to look.
        name: the canonical word, which stands in the text.

    Example:
        >>> from hf_selfdemo.scoring.answers.words import words
        >>> belongs_to_another(words("New York"), "york"), belongs_to_another(words("New York and York"), "york")
        (True, False)
    """
    before = [(text.keys[i - 1], text.raw[i - 1]) if i else ("", "") for i, key in enumerate(text.keys) if key == name]
    return all(raw[:1].isupper() and (key == "new" or (key, name) in _OTHER_LANDS) for key, raw in before)


def ends_otherwise(text: Words, keys: Sequence[str]) -> bool:
    """Whether every name in a text that begins like an answer has another last word: two clubs of one town.

    Kinds of things do not count ("the Gupta Dynasty" is the Gupta Empire), only kinds of clubs do.

    Args:
        text: where to look.
        keys: the canonical words of an answer that is a name.

    Example:
        >>> from hf_selfdemo.scoring.answers.words import words
        >>> ends_otherwise(words("Manchester City won."), ("manchester", "united"))
        True
        >>> ends_otherwise(words("Manchester won."), ("manchester", "united"))
        False
    """
    *first, last = (key for key in keys if key not in _ARTICLES)
    if not first:
        return False
    length = len(first)
    starts = (i for i, key in enumerate(text.keys) if key == first[0])
    ends = [i + length for i in starts if list(text.keys[i : i + length]) == first]
    return bool(ends) and all(i < len(text.keys) and _other_word(text, i, last) for i in ends)


def _other_word(text: Words, i: int, last: str) -> bool:
    """Whether the word at place `i` goes on with a name, and not to the `last` word of the one that is wanted."""
    key = text.keys[i]
    if key == BREAK or key in STOPWORDS or not text.raw[i][0].isupper() or root(key) == root(last):
        return False
    if misspelt(key, last) or last in text.keys[i : i + _REACH]:
        return False
    return {key, last} <= _CLUBS or not {key, last} & GENERIC
