"""How abstentions begin.

The probability of these openings, before a model writes a word, shows how close it is to abstaining. Openings consist
of whole words. None is the beginning of another, so their probabilities add up.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from itertools import permutations
from typing import NamedTuple

OPENINGS = (
    "I don't",
    "I do not",
    "I'm not",
    "I am not",
    "I'm sorry",
    "I am sorry",
    "I cannot",
    "I can't",
    "Sorry",
    "Unfortunately",
    "There is no",
    "The passage does not",
    "The passages do not",
    "The provided passage does not",
    "The provided passages do not",
    "None of the passages",
    "The answer is not",
    "It is not mentioned",
)
"""Default openings if the model's own are not known: the most frequent of instruct models that begin no answer."""

_WORDS = 2
"""Minimum length of a learnt opening, in words: a single word ("The") may begin answers that were not seen."""

_MOST = 24
"""Maximum number of learnt openings: each costs a few tokens per row."""

_COVERED = 0.98
"""Share of abstentions covered at which learning stops: each of the rest begins in its own way."""


class Learnt(NamedTuple):
    """Openings, most frequent first; `covered` of `refusals` abstentions begin with one of them."""

    openings: tuple[str, ...]
    covered: int
    refusals: int


def learnt_openings(refusals: Sequence[str], answers: Collection[str]) -> Learnt:
    """The shortest openings that cover nearly all of a model's abstentions and begin no answer.

    Args:
        refusals: abstentions of one model.
        answers: replies of the same model that do not abstain.

    Example:
        >>> refusals = ["The passage does not say.", "The passage has no date.", "I don't know who."]
        >>> learnt_openings(refusals, ["Winkler", "The passage does say: Winkler."]).openings
        ('The passage does not', 'The passage has', "I don't")
    """
    begun = {words[:n] for words in map(_words, answers) for n in range(1, len(words) + 1)}
    shortest = Counter(opening for opening in (_opening(_words(text), begun) for text in refusals) if opening)
    chosen: list[str] = []
    left = list(refusals)
    for opening, _ in shortest.most_common(_MOST):
        if len(left) <= (1 - _COVERED) * len(refusals):
            break
        if not alike([*chosen, opening]):  # a one-word abstention may be the beginning of others
            chosen.append(opening)
            left = [text for text in left if not _begins(text, opening)]
    return Learnt(tuple(chosen), len(refusals) - len(left), len(refusals))


def alike(openings: Sequence[str]) -> tuple[str, str] | None:
    """Two openings of which the first is the beginning of the second, in whole words; None if there are none.

    Example:
        >>> alike(["I do", "I don't", "I do not"]), alike(["The passage", "The passages"])
        (('I do', 'I do not'), None)
    """
    pairs = permutations(openings, 2)
    return next(((one, other) for one, other in pairs if _begins(other, one)), None)


def _begins(text: str, opening: str) -> bool:
    return _words(text)[: len(_words(opening))] == _words(opening)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _opening(words: tuple[str, ...], begun: Collection[tuple[str, ...]]) -> str:
    """The shortest beginning of an abstention that begins no answer; "" if every one begins an answer."""
    lengths = range(min(_WORDS, len(words)), len(words) + 1) if words else ()
    return next((" ".join(words[:n]) for n in lengths if words[:n] not in begun), "")
