"""What an accepted answer asks of a prediction, worked out once for each answer and question."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

from hf_selfdemo.scoring.answers.claims import negates
from hf_selfdemo.scoring.answers.dates import ERAS, Date, dates
from hf_selfdemo.scoring.answers.names import name_in
from hf_selfdemo.scoring.answers.namesakes import qualified
from hf_selfdemo.scoring.answers.numbers import HALF
from hf_selfdemo.scoring.answers.tables.contrasts import COLOURS
from hf_selfdemo.scoring.answers.tables.measures import MONTHS, UNITS
from hf_selfdemo.scoring.answers.tables.persons import SUFFIXES
from hf_selfdemo.scoring.answers.tables.rows import each
from hf_selfdemo.scoring.answers.tables.spellings import DEMONYMS, JOINED, STATES
from hf_selfdemo.scoring.answers.tables.weights import GENERIC, STOPWORDS
from hf_selfdemo.scoring.answers.tokens import BREAK, in_a_row
from hf_selfdemo.scoring.answers.words import root, words

Asked = Literal["time", "person", "amount", "place", "other"]

ASKED, GENERAL, CONTENT = 0.1, 0.3, 1.0
"""What a word tells that the question has already, that many answers have, and any other."""

_AROUND_DATES = each(
    """before until after prior since season spring summer fall autumn winter monday tuesday wednesday thursday friday
    saturday sunday first published released premiered begin began early mid late beginning end"""
)
_AMOUNTS = each("many much long far old tall high big fast deep large often wide heavy")
LANDS = frozenset(words(land).keys for land in [*STATES.values(), *DEMONYMS.values(), *JOINED.values(), "New York"])
_SHORTEST_ACRONYM = 3


class Asking(NamedTuple):
    """A question's words, their roots, what kind of thing it asks for, and whether it negates anything itself."""

    keys: frozenset[str]
    roots: frozenset[str]
    kind: Asked
    negates: bool


class Expected(NamedTuple):
    """An accepted answer, ready to be looked for.

    `row` are its words in a row and `weights` say how much each of `keys` tells; `raw` are the words as they stand.
    `dates` and `name` are filled where the answer is nothing but that, `parts` where it lists names that must all be
    there; `amount`, `proper` (a name of any kind) and `acronym` say what else it is, `undivided` that it has no comma;
    `negates` that it says itself what is not so.
    """

    row: str
    keys: tuple[str, ...]
    weights: tuple[float, ...]
    raw: tuple[str, ...]
    dates: tuple[Date, ...] = ()
    amount: bool = False
    parts: tuple[str, ...] = ()
    name: tuple[str, ...] = ()
    proper: bool = False
    acronym: bool = False
    undivided: bool = True
    negates: bool = False
    qualified: tuple[str, str] | None = None


_LACKING = frozenset({"unable", "except", "lack", "missing", "without"})
"""Words of questions that a negation answers, as "cannot roar" does "Which sound is it unable to make?"."""


@lru_cache(maxsize=1 << 10)
def asking(question: str) -> Asking:
    """Read a question.

    Example:
        >>> asking("When did it open?").kind, asking("how many are there").kind
        ('time', 'amount')
    """
    keys = frozenset(words(question).keys)
    kind: Asked = "other"
    if keys & {"when", "year", "date"}:
        kind = "time"
    elif keys & {"who", "whom", "whose"}:
        kind = "person"
    elif "how" in keys and keys & _AMOUNTS:
        kind = "amount"
    elif "where" in keys:
        kind = "place"
    return Asking(keys, frozenset(map(root, keys)), kind, negates(question) or bool(keys & _LACKING))


@lru_cache(maxsize=1 << 10)
def expected(answer: str, question: str = "") -> Expected:
    """Read an accepted answer in the light of its question.

    Example:
        >>> expected("25 December 2001").dates != (), expected("about 12 km").amount
        (True, True)
    """
    raw, keys = _without_breaks(answer)
    about = asking(question)
    weights = _weights(answer, keys, about)
    found = tuple(dates(keys))
    if found and _is_date(keys, found, about):
        return Expected(in_a_row(keys), keys, weights, raw, dates=found)
    if _is_amount(keys, about):
        return Expected(in_a_row(keys), keys, weights, raw, amount=True)
    proper = all(word[0].isupper() for word, weight in zip(raw, weights, strict=True) if weight == CONTENT)
    return Expected(
        in_a_row(keys),
        keys,
        weights,
        raw,
        parts=_parts(answer, about, proper),
        name=name_in(raw, keys) if about.kind == "person" else (),
        proper=proper and "," not in answer,
        acronym=len(raw) == 1 and raw[0].isupper() and len(raw[0]) >= _SHORTEST_ACRONYM,
        negates=negates(answer),
        undivided="," not in answer,
        qualified=qualified(raw, keys),
    )


def _without_breaks(answer: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    raw, keys = words(answer)
    if BREAK not in keys:
        return raw, keys
    kept = [(word, key) for word, key in zip(raw, keys, strict=True) if key != BREAK]
    return tuple(word for word, _ in kept), tuple(key for _, key in kept)


def _weights(answer: str, keys: Sequence[str], about: Asking) -> tuple[float, ...]:
    """What each word of an answer tells; the land of a place ("Canton, Ohio") has many other places."""
    weights = [_weight(key, about) for key in keys]
    land = words(answer.rpartition(",")[2]).keys if "," in answer else ()
    if land in LANDS:
        weights[-len(land) :] = [min(weight, GENERAL) for weight in weights[-len(land) :]]
    return tuple(weights)


def _weight(key: str, about: Asking) -> float:
    """How much a word tells: nothing if it stands in every text, little if the question has it already."""
    if key in STOPWORDS:
        return 0.0
    if key in about.keys or root(key) in about.roots:
        return ASKED
    return GENERAL if key in GENERIC else CONTENT


def _is_date(keys: Sequence[str], found: Sequence[Date], about: Asking) -> bool:
    """Whether an answer is a date: nothing else is in it, and the question wants one or it cannot be a mere number."""
    covered = {place for date in found for place in range(date.start, date.end)}
    rest = (key for place, key in enumerate(keys) if place not in covered)
    if any(key not in STOPWORDS and key not in _AROUND_DATES for key in rest):
        return False
    return about.kind == "time" or any(
        key in MONTHS or key in ERAS or key == "century" or key[-1] == "s" for key in keys
    )


def _is_amount(keys: tuple[str, ...], about: Asking) -> bool:
    """Whether an answer is a number with its unit, or any with a number where an amount is asked for."""
    if keys != (HALF,) and not any(key[0] == "#" for key in keys):
        return False
    rest = (key for key in keys if key[0] != "#" and key != HALF)
    return about.kind == "amount" or all(key in STOPWORDS or key in UNITS or key in about.keys for key in rest)


def _parts(answer: str, about: Asking, proper: bool) -> tuple[str, ...]:
    """The names or colours in "A and B" or "A, B", which must all be there; a place in its country is one name."""
    parts = [part.strip() for part in re.split(r",? and | & |, ", answer) if part.strip()]
    if len(parts) < 2 or not (proper or COLOURS.issuperset(parts)):
        return ()
    last = words(parts[-1]).keys
    one_name = about.kind == "place" or last in LANDS or (len(last) == 1 and last[0] in SUFFIXES)
    joined = " and " in answer or " & " in answer
    return () if one_name and not joined else tuple(parts)
