"""Find dates in a text as intervals of time, and decide whether one date states another."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

from hf_selfdemo.scoring.answers.tables.measures import MONTHS
from hf_selfdemo.scoring.answers.tables.rows import each

_MONTH, YEAR = 31, 372  # in days; every month counts 31 days in this module
_LAST_YEAR = 2100
_LONGEST_YEAR = 5
_PART = {
    "early": (0.0, 0.45),
    "beginning": (0.0, 0.45),
    "mid": (0.2, 0.8),
    "middle": (0.2, 0.8),
    "late": (0.55, 1.0),
    "end": (0.55, 1.0),
}
_VERBS = ("may", "march")
_BEFORE_MONTHS = each("in of mid early late until since and to by or")
_UNTIL = each("to until till through and")
ERAS = {"bc": -1, "ad": 1}


class Date(NamedTuple):
    """An interval of time from day `low` up to but not including day `high`.

    Days count from the year 0 or, if the year is unknown (`recurring`), from 1 January. The date was read from the
    words at positions `start` up to but not including `end`.
    """

    low: float
    high: float
    recurring: bool
    start: int
    end: int

    def within(self, other: Date) -> bool:
        """Whether this date lies within `other`, e.g. a day in its month or a year in its decade."""
        if self.recurring == other.recurring:
            return other.low <= self.low and self.high <= other.high
        if max(self.high - self.low, other.high - other.low) >= YEAR:
            return False
        mine, whole = self.low % YEAR, other.low % YEAR
        return whole <= mine and mine + self.high - self.low <= whole + other.high - other.low


def dates(keys: Sequence[str]) -> list[Date]:
    """Find the dates in a sequence of canonical words.

    Example:
        >>> [day] = dates(["december", "#25", "#2001"])
        >>> [year] = dates(["in", "#2001"])
        >>> day.within(year), year.within(day)
        (True, False)
    """
    found: list[Date] = []
    i = 0
    while i < len(keys):
        date = _month_at(keys, i) if keys[i] in MONTHS else _year_at(keys, i) if keys[i][0] == "#" else None
        if date is None:
            i += 1
            continue
        found.append(_part_of(keys, date))
        if len(found) > 1:
            found[-2] = _with_year(found[-2], found[-1], keys)
        i = date.end
    return found


def _with_year(first: Date, last: Date, keys: Sequence[str]) -> Date:
    """The first date, completed with the year of the last if it has none, e.g. July 1783 in "July to October 1783"."""
    if not first.recurring or last.recurring or not _UNTIL.issuperset(keys[first.end : last.start]):
        return first
    year = last.low // YEAR * YEAR
    return first._replace(low=year + first.low, high=year + first.high, recurring=False)


def _month_at(keys: Sequence[str], i: int) -> Date | None:
    """The date with the month at `i`, and day and year if present; None if "may" or "march" may be a verb."""
    first, last, start, end = _days(keys, i)
    year_at = end + 1 if end < len(keys) and keys[end] in ("of", "in") else end
    year, after = _year(keys, year_at, earliest=_MONTH + 1)
    if year is None and end - start == 1 and keys[i] in _VERBS and not (i and keys[i - 1] in _BEFORE_MONTHS):
        return None
    beginning = (year or 0) * YEAR + (MONTHS[keys[i]] - 1) * _MONTH
    return Date(beginning + first, beginning + last, year is None, start, end if year is None else after)


def _days(keys: Sequence[str], i: int) -> tuple[int, int, int, int]:
    """The days of the month at `i`, as first and one after the last, and the start and end positions of their words."""
    before = i - 2 if i > 1 and keys[i - 1] == "of" else i - 1
    day = _number(keys, before)
    if day and day <= _MONTH:
        first = _number(keys, before - 2) if before > 1 and keys[before - 1] == "to" else None  # 6 to 14 July
        return (first - 1, day, before - 2, i + 1) if first and first <= day else (day - 1, day, before, i + 1)
    day = _number(keys, i + 1)
    if day and day <= _MONTH and _era(keys, i + 2) is None:
        return day - 1, day, i, i + 2
    return 0, _MONTH, i, i + 1


def _year_at(keys: Sequence[str], i: int) -> Date | None:
    """The year, decade or century at `i`; None if there is none."""
    if keys[i][-1] == "s":
        first = int(keys[i][1:-1])
        return Date(first * YEAR, (first + (100 if first % 100 == 0 else 10)) * YEAR, False, i, i + 1)
    number = _number(keys, i)
    if number and i + 1 < len(keys) and keys[i + 1] == "century":
        era = _era(keys, i + 2)
        first = -100 * number if era == -1 else 100 * number - 100
        return Date(first * YEAR, (first + 100) * YEAR, False, i, i + 3 if era else i + 2)
    year, end = _year(keys, i)
    start = i - 1 if i and keys[i - 1] in ERAS else i
    return None if year is None else Date(year * YEAR, (year + 1) * YEAR, False, start, end)


def _year(keys: Sequence[str], i: int, earliest: int = 1000) -> tuple[int | None, int]:
    """The year at `i` and the position after it: any number with an era, or one from `earliest` to `_LAST_YEAR`."""
    number = _number(keys, i)
    if number is None:
        return None, i
    era = _era(keys, i + 1)
    if era:
        return era * number, i + 2
    if i and keys[i - 1] == "ad":
        return number, i + 1
    return (number, i + 1) if earliest <= number <= _LAST_YEAR else (None, i)


def _part_of(keys: Sequence[str], date: Date) -> Date:
    """The early, middle or late part of a date, if the words before it say so; else the date."""
    for before in (date.start - 1, date.start - 2, date.start - 3):
        if before >= 0 and keys[before] in _PART:
            first, last = _PART[keys[before]]
            length = date.high - date.low
            return date._replace(low=date.low + first * length, high=date.low + last * length, start=before)
        if before < 0 or keys[before] not in ("the", "of", "in"):
            break
    return date


def _number(keys: Sequence[str], i: int) -> int | None:
    """The non-negative whole number at `i`, of at most five digits; None if there is none."""
    if not 0 <= i < len(keys) or keys[i][0] != "#":
        return None
    figures = keys[i][1:]
    return int(figures) if len(figures) <= _LONGEST_YEAR and figures.isdecimal() else None


def _era(keys: Sequence[str], i: int) -> int | None:
    return ERAS.get(keys[i]) if i < len(keys) else None


def states_dates(keys: Sequence[str], wanted: Sequence[Date], asked: Collection[str] = ()) -> bool:
    """Whether a text states a date, or a period given by its two ends.

    A more precise date matches. So does one that is not much vaguer (e.g. a year for a day), unless it repeats a word
    of the question. If a text has a single date, it matches a period if it lies within it. Otherwise both ends must
    match.

    Args:
        keys: the canonical words of the text.
        wanted: the gold date, or the ends of the gold period.
        asked: the canonical words of the question.

    Example:
        >>> [day] = dates(["december", "#25", "#2001"])
        >>> states_dates(["in", "#2001"], [day]), states_dates(["in", "#2001"], [day], asked=["#2001"])
        (True, False)
    """
    found = dates(keys)
    if len(wanted) > 1 and len(found) == 1:
        return wanted[0].low <= found[0].low and found[0].high <= wanted[-1].high
    return all(
        any(date.within(one) or (_vaguer(date, one) and not _repeats(keys, date, asked)) for date in found)
        for one in wanted
    )


def _vaguer(date: Date, wanted: Date) -> bool:
    """Whether `date` includes `wanted` and is at most ten years long, or at most 2.5 times as long as `wanted`."""
    length = date.high - date.low
    return wanted.within(date) and (length <= 10 * YEAR or length <= 2.5 * (wanted.high - wanted.low))


def _repeats(keys: Sequence[str], date: Date, asked: Collection[str]) -> bool:
    return any(key in asked for key in keys[date.start : date.end])
