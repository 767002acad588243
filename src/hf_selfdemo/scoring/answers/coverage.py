"""Whether a text states the essential part of an answer in its own words and order."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hf_selfdemo.scoring.answers.expected import ASKED, CONTENT, Expected
from hf_selfdemo.scoring.answers.reading import Reading
from hf_selfdemo.scoring.answers.tables.weights import STOPWORDS
from hf_selfdemo.scoring.answers.tokens import BREAK
from hf_selfdemo.scoring.answers.words import misspelt, root
from hf_selfdemo.scoring.scripts import is_unspaced

_ENOUGH = 0.5
"""Share of the answer's weight that one sentence must contain; for a name more, as half of it may be another name."""
_SHORTEST_SQUASHED = 7
_FEWEST_INITIALS = 3


def states_essence(text: Reading, wanted: Expected) -> bool:
    """Whether one sentence of `text` contains enough of an answer.

    Words count by weight: stop words nothing, words of the question and generic words (e.g. "river") little. Inflected
    and derived forms count (e.g. "eroding" for "erode"), and names may differ by one letter. A number must occur unless
    the question contains it. If all words of an answer weigh little, they must all stand close together.
    """
    telling = [(key, weight) for key, weight in zip(wanted.keys, wanted.weights, strict=True) if weight]
    share = max((_share(sentence, telling, wanted.proper) for sentence in text.sentences), default=0.0)
    if share < _ENOUGH:
        return False
    if _says_nothing_else(text, wanted):
        return True
    if any(is_unspaced(key) for key, _ in telling):  # its keys are single letters, which many words share
        return False
    if all(weight < CONTENT for _, weight in telling):
        return any(_close_together(sentence, [key for key, _ in telling]) for sentence in text.sentences)
    return share > _ENOUGH or not wanted.proper


def _share(sentence: Sequence[str], telling: Sequence[tuple[str, float]], proper: bool) -> float:
    """The share of an answer's weight that a sentence contains; 0 if it lacks a number that is not in the question."""
    held = total = 0.0
    roots: Collection[str] = ()
    for key, weight in telling:
        total += weight
        if key in sentence:
            held += weight
        elif key[0] == "#":
            if weight > ASKED:
                return 0.0
        else:
            roots = roots or set(map(root, sentence))
            if root(key) in roots or (proper and any(misspelt(key, other) for other in sentence)):
                held += weight
    return held / total if total else 0.0


def _says_nothing_else(text: Reading, wanted: Expected) -> bool:
    """Whether a text has only words of the answer and stop words, e.g. "Stanford" for "Stanford Cardinal"."""
    own = {*wanted.keys, *map(root, wanted.keys)}
    return all(key in own or root(key) in own for key in text.words.keys if key not in STOPWORDS and key != BREAK)


def _close_together(sentence: Sequence[str], keys: Sequence[str]) -> bool:
    wanted = set(map(root, keys))
    roots = [root(key) for key in sentence]
    length = len(keys) + 2
    return any(wanted <= set(roots[start : start + length]) for start in range(len(roots)) if roots[start] in wanted)


def states_squashed(text: Reading, wanted: Expected) -> bool:
    """Whether a text contains an answer once spaces and hyphens are removed, e.g. "minigame" for "mini-game"."""
    squashed, everything = wanted.row.replace(" ", ""), text.row.replace(" ", "")
    if len(squashed) < _SHORTEST_SQUASHED or squashed not in everything:
        return False
    borders, place = {0}, 0
    for key in text.row.split():
        place += len(key)
        borders.add(place)
    starts = (start for start in borders if everything.startswith(squashed, start))
    return any(start + len(squashed) in borders for start in starts)


def states_acronym(text: Reading, wanted: Expected) -> bool:
    """Whether a text has the initials of an answer of three or more words, or the words that an acronym stands for."""
    keys = [key for key in wanted.keys if key not in STOPWORDS]
    if len(keys) < _FEWEST_INITIALS and not wanted.acronym:
        return False
    pairs = [(raw, key) for raw, key in zip(*text.words, strict=True) if key not in STOPWORDS]
    if wanted.acronym:
        return keys != [] and keys[0] in "".join(key[0] if raw[0].isupper() else " " for raw, key in pairs)
    initials = "".join(key[0] for key in keys)
    return any(key == initials and raw.isupper() for raw, key in pairs)
