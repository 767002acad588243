"""Another word in the place of one of the answer's: the left ventricle is not the right one, a Post is no Times."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import chain
from typing import NamedTuple

from hf_selfdemo.scoring.answers.expected import ASKED, CONTENT, Expected
from hf_selfdemo.scoring.answers.tables.contrasts import ALIKE, CONTRASTS, RELATIONS
from hf_selfdemo.scoring.answers.tables.persons import TITLES
from hf_selfdemo.scoring.answers.tables.weights import GENERIC, STOPWORDS
from hf_selfdemo.scoring.answers.tokens import BREAK, Words
from hf_selfdemo.scoring.answers.words import misspelt, root

_REMARKS = 2
"""A reply with so many telling words more than the answer has is still a bare one."""
_FEW = 2
_SHORTEST_STEM = 4


def replaces(text: Words, wanted: Expected, asked: Collection[str] = ()) -> bool:
    """Whether a text lacks a word of an answer and, wherever the word beside it stands, has another in its place.

    A word that is left out is not replaced ("the Times" for "the New York Times"), nor is one that says little by
    another such ("Gupta dynasty", "Gupta empire"), unless the two exclude each other ("left", "right"). In replies
    that go on beyond the answer people let paraphrases pass: there only names, and modifiers in short answers, count.

    Args:
        text: where to look.
        wanted: the accepted answer.
        asked: canonical words of the question, which replace nothing.

    Example:
        >>> from hf_selfdemo.scoring.answers.expected import expected
        >>> from hf_selfdemo.scoring.answers.words import words
        >>> ventricle = expected("right ventricle")
        >>> replaces(words("the left ventricle"), ventricle), replaces(words("a ventricle"), ventricle)
        (True, False)
    """
    roots = [root(key) for key in text.keys]
    places = [_places(text, roots, key, wanted.proper) if weight else [] for key, weight in _weighed(wanted)]
    telling = sum(weight > 0 for weight in wanted.weights)
    bare = sum(key not in STOPWORDS and key != BREAK for key in text.keys) <= telling + _REMARKS
    comparison = _Comparison(text, wanted, asked, places, frozenset(chain.from_iterable(places)), bare)
    return any(
        comparison.replaced(i)
        for i, (_, weight) in enumerate(_weighed(wanted))
        if not places[i] and (weight > ASKED or (weight and bare))
    )


def _weighed(wanted: Expected) -> Iterator[tuple[str, float]]:
    return zip(wanted.keys, wanted.weights, strict=True)


def _places(text: Words, roots: list[str], key: str, proper: bool) -> list[int]:
    """Where a text has a word, inflected or derived, and in names with a letter more or less."""
    own, excluded = root(key), CONTRASTS.get(key, ())
    return [
        i
        for i, other in enumerate(text.keys)
        if other == key or ((roots[i] == own or (proper and misspelt(key, other))) and other not in excluded)
    ]


class _Comparison(NamedTuple):
    """A text beside an answer: `places` says where the text has each word of it, `held` are all these places."""

    text: Words
    wanted: Expected
    asked: Collection[str]
    places: list[list[int]]
    held: frozenset[int]
    bare: bool

    def replaced(self, i: int) -> bool:
        """Whether another word stands in every place where word `i` of the answer should be."""
        slots = [(place, True) for place in self._slots(i, 1)] + [(place, False) for place in self._slots(i, -1)]
        if not slots:  # an answer of one word has no other beside it
            return not CONTRASTS.get(self.wanted.keys[i], set()).isdisjoint(self.text.keys)
        return all(self._another(i, place, before) for place, before in slots)

    def _slots(self, i: int, step: int) -> Iterator[int]:
        """The places beside the next word of the answer that the text has, to the right (1) or to the left (-1)."""
        keys, weights = self.wanted.keys, self.wanted.weights
        j = i + step
        while 0 <= j < len(keys) and not weights[j]:
            j += step
        between = abs(j - i) - 1
        after_number = step == -1 and j >= 0 and keys[j][0] == "#"
        head_of_phrase = step == 1 and between and not self._named(i)  # "hardships of age" may be "effects of age"
        if not 0 <= j < len(keys) or after_number or head_of_phrase:
            return
        for place in self.places[j]:
            slot = place - step
            while abs(place - slot) <= between and self._inside(slot) and self.text.keys[slot] in STOPWORDS:
                slot -= step
            yield slot

    def _another(self, i: int, place: int, before: bool) -> bool:
        """Whether the word at a place makes another thing of the answer than its own word `i` does."""
        if not self._inside(place) or place in self.held:
            return False
        key, other = self.wanted.keys[i], self.text.keys[place]
        if other == BREAK or other in STOPWORDS:
            return False
        if other in CONTRASTS.get(key, ()) or key[0] == other[0] == "#":
            return True
        if other[0] == "#" or other in self.asked or RELATIONS & {key, other} or _shortened(key, other):
            return False
        return self._of_one_kind(i, place) and (
            self._tells_in_bare(i, other, before) if self.bare else self._tells(i, other, before)
        )

    def _tells(self, i: int, other: str, before: bool) -> bool:
        """In a longer reply: a name, or the modifier in an answer of two words."""
        if self.wanted.weights[i] < CONTENT or other in GENERIC:
            return False
        return self._named(i) or (before and self.wanted.weights.count(CONTENT) <= _FEW)

    def _tells_in_bare(self, i: int, other: str, before: bool) -> bool:
        """In a reply that is nothing but a name: any word, but of those that say little only parts of names."""
        key = self.wanted.keys[i]
        if key in TITLES:
            return False
        if key in GENERIC and other in GENERIC:
            return self._named(i) and not before and not any({key, other} <= kind for kind in ALIKE)
        return self._named(i) or (self.wanted.weights[i] == CONTENT and other not in GENERIC)

    def _of_one_kind(self, i: int, place: int) -> bool:
        """Whether both words are parts of names, or neither; what describes a name ("drama series Gunsmoke") may go."""
        if self._named(i):
            cased = any(raw[0].isupper() for raw in self.text.raw)
            return not cased or self.text.raw[place][0].isupper()
        rest = range(i + 1, len(self.wanted.keys))
        return not any(self._named(j) and self.wanted.weights[j] == CONTENT for j in rest)

    def _named(self, i: int) -> bool:
        return self.wanted.raw[i][0].isupper()

    def _inside(self, place: int) -> bool:
        return 0 <= place < len(self.text.keys)


def _shortened(key: str, other: str) -> bool:
    """Whether one word begins with the other: an initial, or "Panzer" for "Panzerkampfwagen"."""
    short, long = sorted((key, other), key=len)
    return long.startswith(short) and (len(short) == 1 or len(short) >= _SHORTEST_STEM)
