"""Match names of persons across middle names, initials, titles, suffixes, short forms and name order."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import pairwise

from hf_selfdemo.scoring.answers.tables.persons import NICKNAMES, PARTICLES, SUFFIXES, TITLES
from hf_selfdemo.scoring.answers.tables.weights import GENERIC, STOPWORDS
from hf_selfdemo.scoring.answers.tokens import BREAK, Words
from hf_selfdemo.scoring.answers.words import misspelt, singular

_REACH = 4  # how many words before a surname are searched for its given name
_ARTICLES = frozenset({"a", "an", "the"})
_LONGEST_NAME = 6
_NO_SURNAMES = STOPWORDS | SUFFIXES | {BREAK}
_FORMAL: dict[str, set[str]] = {}
"""Maps a short form of a given name to the names it may stand for, all in canonical words."""

for _row in NICKNAMES.strip().splitlines():
    _name, _forms = _row.split(":")
    for _form in _forms.split():
        _FORMAL.setdefault(singular(_form), set()).add(singular(_name.strip()))


def names_person(text: Words, name: Sequence[str], asked: Collection[str] = ()) -> bool:
    """Whether `text` names the person called `name`.

    One of these is enough: the surname with one given name, in either order, where the given name may be shortened or
    an initial; the first two of three or more names; the surname alone, without another given name before it.

    Args:
        text: the words of the text to search.
        name: the canonical words of the full name, without titles and suffixes, surname last.
        asked: the canonical words of the question. If the first name is one of them, the first two names are not
            enough.

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
    """Whether the word at `place` is the given name in a text of two names, e.g. "Clayton" in "Clayton Kershaw"."""
    after = range(place + 1, len(text.keys))
    return len(after) == 1 and not place and text.raw[after[0]][0].isupper() and text.keys[after[0]] not in _NO_SURNAMES


def _alone(text: Words, place: int) -> bool:
    """Whether the name at `place` has no other name before it: nothing, a title, a stop word or a lower-case word."""
    if not place:
        return True
    before = text.keys[place - 1]
    if before in PARTICLES:
        return _alone(text, place - 1)
    return before == BREAK or before in TITLES or before in STOPWORDS or not text.raw[place - 1][0].isupper()


def same_given(one: str, other: str) -> bool:
    """Whether two given names may be the same: equal, an initial, a prefix, a misspelling or a known short form.

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
    """The canonical words of the person's name at the end of an answer, surname last; empty if there is none.

    A description in lower case and titles may precede the name, and suffixes may follow it. All three are left out.

    Args:
        raw: the words of the answer as written.
        keys: their canonical forms, at the same positions.

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
