"""Detect texts that replace a word of the answer with another, e.g. "left ventricle" for "right ventricle"."""

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
"""How many more words than the answer, stop words aside, a bare reply may have."""
_FEW = 2
_SHORTEST_STEM = 4


def replaces(text: Words, wanted: Expected, asked: Collection[str] = ()) -> bool:
    """Whether a text lacks a word of an answer and has another word wherever that word should stand.

    A word that is left out is not replaced (e.g. "the Times" for "the New York Times"). Nor is a generic word replaced
    by another generic word ("Gupta empire" for "Gupta dynasty"), unless the two exclude each other ("left", "right").
    In replies longer than a bare answer, people accept paraphrases, so only names and modifiers in short answers count.

    Args:
        text: the words of the text to search.
        wanted: the gold answer.
        asked: the canonical words of the question. They do not count as replacements.

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
    """Positions of a word in a text, including inflected and derived forms and, in names, misspellings."""
    own, excluded = root(key), CONTRASTS.get(key, ())
    return [
        i
        for i, other in enumerate(text.keys)
        if other == key or ((roots[i] == own or (proper and misspelt(key, other))) and other not in excluded)
    ]


class _Comparison(NamedTuple):
    """A text and an answer: `places` are the text positions of each word of the answer, `held` is their union."""

    text: Words
    wanted: Expected
    asked: Collection[str]
    places: list[list[int]]
    held: frozenset[int]
    bare: bool

    def replaced(self, i: int) -> bool:
        """Whether another word stands at every position where word `i` of the answer should stand."""
        slots = [(place, True) for place in self._slots(i, 1)] + [(place, False) for place in self._slots(i, -1)]
        if not slots:  # no neighbour of the word occurs, e.g. in an answer of one word
            return not CONTRASTS.get(self.wanted.keys[i], set()).isdisjoint(self.text.keys)
        return all(self._another(i, place, before) for place, before in slots)

    def _slots(self, i: int, step: int) -> Iterator[int]:
        """Yield where word `i` should stand in the text, judged by its right (`step` 1) or left (-1) neighbour."""
        keys, weights = self.wanted.keys, self.wanted.weights
        j = i + step
        while 0 <= j < len(keys) and not weights[j]:
            j += step
        between = abs(j - i) - 1
        after_number = step == -1 and j >= 0 and keys[j][0] == "#"
        head_of_phrase = step == 1 and between and not self._named(i)  # "effects of age" may paraphrase it
        if not 0 <= j < len(keys) or after_number or head_of_phrase:
            return
        for place in self.places[j]:
            slot = place - step
            while abs(place - slot) <= between and self._inside(slot) and self.text.keys[slot] in STOPWORDS:
                slot -= step
            yield slot

    def _another(self, i: int, place: int, before: bool) -> bool:
        """Whether the word at `place` changes the meaning of the answer if it stands for word `i`."""
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
        """Whether word `i` counts as replaced in a longer reply: if it is a name, or the modifier in a short answer."""
        if self.wanted.weights[i] < CONTENT or other in GENERIC:
            return False
        return self._named(i) or (before and self.wanted.weights.count(CONTENT) <= _FEW)

    def _tells_in_bare(self, i: int, other: str, before: bool) -> bool:
        """Whether word `i` counts as replaced in a bare reply: any word but a title, generic words only in names."""
        key = self.wanted.keys[i]
        if key in TITLES:
            return False
        if key in GENERIC and other in GENERIC:
            return self._named(i) and not before and not any({key, other} <= kind for kind in ALIKE)
        return self._named(i) or (self.wanted.weights[i] == CONTENT and other not in GENERIC)

    def _of_one_kind(self, i: int, place: int) -> bool:
        """Whether both words belong to names or neither does. Descriptions of a name ("drama series") may differ."""
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
    """Whether one word begins with the other, which is an initial or a stem, e.g. "Panzer" for "Panzerkampfwagen"."""
    short, long = sorted((key, other), key=len)
    return long.startswith(short) and (len(short) == 1 or len(short) >= _SHORTEST_STEM)
