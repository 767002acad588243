"""Parse a gold answer and its question: what a prediction must state to match."""

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
"""Weight of a word of the question, of a generic word that many answers share, and of any other word."""

_AROUND_DATES = each(
    """before until after prior since season spring summer fall autumn winter monday tuesday wednesday thursday friday
    saturday sunday first published released premiered begin began early mid late beginning end"""
)
_AMOUNTS = each("many much long far old tall high big fast deep large often wide heavy")
LANDS = frozenset(words(land).keys for land in [*STATES.values(), *DEMONYMS.values(), *JOINED.values(), "New York"])
_SHORTEST_ACRONYM = 3


class Asking(NamedTuple):
    """A question's words, their stems, the kind of thing it asks for, and whether it contains a negation."""

    keys: frozenset[str]
    roots: frozenset[str]
    kind: Asked
    negates: bool


class Expected(NamedTuple):
    """A parsed gold answer.

    `raw` are its words as written, `keys` their canonical forms, `row` the keys joined by `in_a_row`, and `weights` the
    weight of each key. `dates` is set if the answer is only a date or a period, `name` if the question asks for a
    person and the answer ends in a name, `parts` if the answer lists names that must all occur. `amount`, `proper` (a
    proper name) and `acronym` tell its kind, `undivided` that it has no comma, `negates` that it contains a negation.
    `qualified` is a qualifier and the word that it qualifies, e.g. in "North Korea".
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
"""Words of questions that a negation may answer, e.g. "cannot roar" for "Which sound is it unable to make?"."""


@lru_cache(maxsize=1 << 10)
def asking(question: str) -> Asking:
    """Parse a question.

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
    """Parse a gold answer, given its question.

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
    """The weight of each word of an answer. A state or country after a comma ("Canton, Ohio") weighs little."""
    weights = [_weight(key, about) for key in keys]
    land = words(answer.rpartition(",")[2]).keys if "," in answer else ()
    if land in LANDS:
        weights[-len(land) :] = [min(weight, GENERAL) for weight in weights[-len(land) :]]
    return tuple(weights)


def _weight(key: str, about: Asking) -> float:
    """The weight of a word: 0 for a stop word, little for a word of the question or a generic word."""
    if key in STOPWORDS:
        return 0.0
    if key in about.keys or root(key) in about.roots:
        return ASKED
    return GENERAL if key in GENERIC else CONTENT


def _is_date(keys: Sequence[str], found: Sequence[Date], about: Asking) -> bool:
    """Whether an answer is only a date, and either the question asks for a time or the date is more than a number."""
    covered = {place for date in found for place in range(date.start, date.end)}
    rest = (key for place, key in enumerate(keys) if place not in covered)
    if any(key not in STOPWORDS and key not in _AROUND_DATES for key in rest):
        return False
    return about.kind == "time" or any(
        key in MONTHS or key in ERAS or key == "century" or key[-1] == "s" for key in keys
    )


def _is_amount(keys: tuple[str, ...], about: Asking) -> bool:
    """Whether an answer is a number with its unit, or contains a number and the question asks for an amount."""
    if keys != (HALF,) and not any(key[0] == "#" for key in keys):
        return False
    rest = (key for key in keys if key[0] != "#" and key != HALF)
    return about.kind == "amount" or all(key in STOPWORDS or key in UNITS or key in about.keys for key in rest)


def _parts(answer: str, about: Asking, proper: bool) -> tuple[str, ...]:
    """The names or colours in "A and B" or "A, B", which must all occur. A place and its country count as one name."""
    parts = [part.strip() for part in re.split(r",? and | & |, ", answer) if part.strip()]
    if len(parts) < 2 or not (proper or COLOURS.issuperset(parts)):
        return ()
    last = words(parts[-1]).keys
    one_name = about.kind == "place" or last in LANDS or (len(last) == 1 and last[0] in SUFFIXES)
    joined = " and " in answer or " & " in answer
    return () if one_name and not joined else tuple(parts)
