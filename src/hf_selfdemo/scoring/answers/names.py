"""Names of persons: with or without middle names, initials, titles, suffixes; short forms; last name first."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from hf_selfdemo.scoring.answers.tables.persons import NICKNAMES, PARTICLES, SUFFIXES, TITLES
from hf_selfdemo.scoring.answers.tables.weights import GENERIC, STOPWORDS
from hf_selfdemo.scoring.answers.tokens import BREAK, Words
from hf_selfdemo.scoring.answers.words import misspelt, singular

_REACH = 4  # how many words before a surname may hold the given name that goes with it
_ARTICLES = frozenset({"a", "an", "the"})
_LONGEST_NAME = 6
_NO_SURNAMES = STOPWORDS | SUFFIXES | {BREAK}
_FORMAL: dict[str, set[str]] = {}
"""What a short form of a given name may be short for, in canonical words."""

for _row in NICKNAMES.strip().splitlines():
    _name, _forms = _row.split(":")
    for _form in _forms.split():
        _FORMAL.setdefault(singular(_form), set()).add(singular(_name.strip()))


def names_person(text: Words, name: Sequence[str], asked: Collection[str] = ()) -> bool:
    """Whether `text` names the person called `name`.

    Enough are the surname with one given name, also shortened or as an initial, in either order; the first two of
    three or more names; or the surname alone, where no other given name stands before it.

    Args:
        text: where to look.
        name: the canonical words of the full name, without titles and suffixes, surname last.
        asked: canonical words of the question; what stands there proves nothing.

    Example:
        >>> from hf_selfdemo.scoring.answers.words import words
        >>> name = ("robert", "gillespie", "adamson")
        >>> names_person(words("It was Bob Adamson."), name), names_person(words("Ann Adamson"), name)
        (True, False)
    """
    surname, given = name[-1], [key for key in name[:-1] if key not in PARTICLES]
    if len(given) > 1 and given[0] not in asked and (given[0], given[1]) in pairwise(text.keys):
        return True
    return any(
        (key == surname or misspelt(key, surname))
        and (_given_near(text.keys, place, given) or (_alone(text, place) and not _is_given(text, place)))
        for place, key in enumerate(text.keys)
    )


def _given_near(keys: Sequence[str], place: int, given: Sequence[str]) -> bool:
    before = keys[max(0, place - _REACH) : place]
    after = keys[place + 1 : place + 2]
    return any(same_given(one, other) for one in given for other in before) or any(key in given for key in after)


def _is_given(text: Words, place: int) -> bool:
    """Whether a text is another name, of which the word is the given one: "Clayton Kershaw"."""
    after = range(place + 1, len(text.keys))
    return len(after) == 1 and not place and text.raw[after[0]][0].isupper() and text.keys[after[0]] not in _NO_SURNAMES


def _alone(text: Words, place: int) -> bool:
    """Whether no name stands before this one: nothing, a title, or a word in lower case."""
    if not place:
        return True
    before = text.keys[place - 1]
    if before in PARTICLES:
        return _alone(text, place - 1)
    return before == BREAK or before in TITLES or before in STOPWORDS or not text.raw[place - 1][0].isupper()


def same_given(one: str, other: str) -> bool:
    """Whether two given names may be one: equal, an initial, cut short, misspelt, or a known short form.

    Example:
        >>> same_given("dave", "david"), same_given("thad", "thaddeus"), same_given("ann", "bob")
        (True, True, False)
    """
    if one == other:
        return True
    if not one[0].isalpha() or not other[0].isalpha() or other in STOPWORDS:
        return False
    if min(len(one), len(other)) <= 2:
        return one[0] == other[0]
    if one.startswith(other) or other.startswith(one) or misspelt(one, other):
        return True
    return bool(_FORMAL.get(one, {one}) & _FORMAL.get(other, {other}))


def name_in(raw: Sequence[str], keys: Sequence[str]) -> tuple[str, ...]:
    """The canonical words of the person's name that an answer ends in, surname last; nothing if it holds none.

    A description in lower case and titles may stand before it, suffixes behind it.

    Args:
        raw: the words of the answer as they stand.
        keys: in the same places, their canonical forms.

    Example:
        >>> name_in(["botanist", "Hugo", "von", "Mohl"], ["botanist", "hugo", "von", "mohl"])
        ('hugo', 'von', 'mohl')
        >>> name_in(["The", "Washington", "Post"], ["the", "washington", "post"])
        ()
    """
    start = len(raw)
    while start and (not raw[start - 1][0].islower() or (start > 1 and keys[start - 1] in PARTICLES)):
        start -= 1
    if any(key in STOPWORDS and key not in _ARTICLES for key in keys[:start]):
        return ()
    name = list(keys[start:])
    if name and name[0] in _ARTICLES and (len(name) < 2 or name[1] not in TITLES):
        return ()
    while len(name) > 2 and name[-1] in SUFFIXES:
        name.pop()
    while name and (name[0] in TITLES or name[0] in _ARTICLES):
        name.pop(0)
    strange = any(key in STOPWORDS or (key in GENERIC and key not in TITLES) for key in name)
    return tuple(name) if 2 <= len(name) <= _LONGEST_NAME and not strange else ()
