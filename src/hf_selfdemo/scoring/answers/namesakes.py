"""Detect names of other places that share a word with the answer, e.g. "South Korea" for "North Korea"."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from hf_selfdemo.scoring.answers.tables.rows import each
from hf_selfdemo.scoring.answers.tables.weights import STOPWORDS
from hf_selfdemo.scoring.answers.tokens import Words

QUALIFIERS = each("north south east west new")
"""Words that turn the name after them into the name of another place."""

_OTHER_LANDS = frozenset({("west", "virginia"), ("south", "africa"), ("south", "sudan"), ("south", "wale")})


def qualified(raw: Sequence[str], keys: Sequence[str]) -> tuple[str, str] | None:
    """The first qualifier in a name and the word that it qualifies; None if there is no qualifier.

    Args:
        raw: the words of an answer as written.
        keys: their canonical forms, at the same positions.

    Example:
        >>> qualified(["North", "Korea"], ["north", "korea"]), qualified(["new", "shoes"], ["new", "shoe"])
        (('north', 'korea'), None)
    """
    for place, (key, name) in enumerate(pairwise(keys)):
        if key in QUALIFIERS and raw[place][0].isupper() and raw[place + 1][0].isupper() and name not in STOPWORDS:
            return key, name
    return None


def lacks_qualifier(text: Words, pair: tuple[str, str]) -> bool:
    """Whether a text has the qualified word but not its qualifier, e.g. "South Korea" or "Korea" for "North Korea".

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
    """Whether a text has a one-word name only as part of another place's name, e.g. "York" in "New York".

    Args:
        text: the words of the text to search.
        name: the name's canonical word, which must occur in the text.

    Example:
        >>> from hf_selfdemo.scoring.answers.words import words
        >>> belongs_to_another(words("New York"), "york"), belongs_to_another(words("New York and York"), "york")
        (True, False)
    """
    before = [(text.keys[i - 1], text.raw[i - 1]) if i else ("", "") for i, key in enumerate(text.keys) if key == name]
    return all(raw[:1].isupper() and (key == "new" or (key, name) in _OTHER_LANDS) for key, raw in before)
