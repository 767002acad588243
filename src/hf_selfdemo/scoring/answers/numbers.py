"""Convert numerals, in digits or in words, to values and compare amounts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from hf_selfdemo.scoring.answers.tables.measures import CURRENCIES, MEASURES, SIZES, VAGUE
from hf_selfdemo.scoring.answers.tables.rows import each
from hf_selfdemo.scoring.answers.tokens import Words

_ONES = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen
"""
_FIRSTS = """
    zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth
    fifteenth sixteenth seventeenth eighteenth nineteenth
"""
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
_TENTHS = "twentieth thirtieth fortieth fiftieth sixtieth seventieth eightieth ninetieth"
VALUES = {
    **{word: n for words in (_ONES, _FIRSTS) for n, word in enumerate(words.split())},
    **{word: 10 * n for words in (_TENS, _TENTHS) for n, word in enumerate(words.split(), 2)},
}
MAGNITUDES = {
    "dozen": 12,
    "hundred": 100,
    "thousand": 1000,
    "k": 1000,
    "million": 10**6,
    "mn": 10**6,
    "mln": 10**6,
    "mil": 10**6,
    "lakh": 10**5,
    "crore": 10**7,
    "billion": 10**9,
    "bn": 10**9,
    "trillion": 10**12,
    "tn": 10**12,
    "hundredth": 100,
    "thousandth": 1000,
}
HALF = "half"
_RANGES = frozenset({"to", "and"})
_SIGNS = frozenset({"minus", "negative"})
NUMERALS = _SIGNS | VALUES.keys()
_LARGE = 10_000
"""The smallest whole number that may be rounded."""

_ROMAN = re.compile(r"(?:xl|l?x{0,3})(?:ix|iv|v?i{0,3})")
_FIGURES = re.compile(r"-?\d+(?:\.\d+)?s?")
_DIGITS = {"i": 1, "v": 5, "x": 10, "l": 50}
_NUMBERED = each("war type part phase stage class volume book chapter division act title")


def join_numbers(
    raw: Sequence[str], keys: Sequence[str], places: Iterable[int]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Replace every numeral with one key, a hash and its value: `twenty two`, `22` and `XXII` become `#22`.

    Years may be spelt as spoken (e.g. "nineteen ninety-five"), ordinals become their number, and decades become e.g.
    `#1980s`.

    Args:
        raw: the words as written.
        keys: their canonical forms, at the same positions.
        places: the positions where a numeral may begin, in ascending order.

    Returns:
        `raw` and `keys`, with one entry for each numeral.

    Example:
        >>> join_numbers(["in", "nineteen", "ninety", "five"], ["in", "nineteen", "ninety", "five"], [1, 2, 3])
        (('in', 'nineteen'), ('in', '#1995'))
    """
    joined_raw: list[str] = []
    joined: list[str] = []
    end = 0
    for place in places:
        if place < end:
            continue
        value, after = _numeral(raw, keys, place)
        if value:
            joined_raw += raw[end : place + 1]
            joined += [*keys[end:place], value]
            if after > place + 1:
                _carry_back(joined, keys[after - 1])
            end = after
    return (*joined_raw, *raw[end:]), (*joined, *keys[end:])


def _carry_back(keys: list[str], last: str) -> None:
    """Give the lower end of a range the magnitude of its upper end, e.g. in "20 to 40 million"."""
    magnitude = MAGNITUDES.get(last, 1)
    if magnitude < 1000 or len(keys) < 3 or keys[-2] not in _RANGES or keys[-3][0] != "#":
        return
    low, high = float(keys[-3][1:].rstrip("s")), float(keys[-1][1:])
    if keys[-2] == "and" and keys[-4:-3] != ["between"]:
        return
    if low < 1000 and low * magnitude < high:
        keys[-3] = _key(low * magnitude)


def _numeral(raw: Sequence[str], keys: Sequence[str], i: int) -> tuple[str, int]:
    """The key of the numeral that begins at `i` ("" if none does), and the position after it."""
    key = keys[i]
    if key in _SIGNS and i + 1 < len(keys) and not (i and keys[i - 1][0].isdecimal()):
        value, after = _numeral(raw, keys, i + 1)
        return (f"#-{value[1:]}", after) if value and value[1] != "-" else ("", i + 1)
    if (key[0].isdecimal() or key[0] == "-") and _FIGURES.fullmatch(key):
        return _in_figures(keys, i)
    if key in VALUES and not _no_numeral(raw, keys, i):
        return _in_words(raw, keys, i)
    word = raw[i].casefold()
    if is_roman(word) and (len(word) > 1 or (i and keys[i - 1] in _NUMBERED)):
        return _key(_roman(word)), i + 1
    return "", i + 1


def is_roman(word: str) -> bool:
    """Whether a folded word may be a Roman numeral below ninety.

    Example:
        >>> is_roman("xviii"), is_roman("civil")
        (True, False)
    """
    return word[:1] in _DIGITS and bool(_ROMAN.fullmatch(word))


def _in_figures(keys: Sequence[str], i: int) -> tuple[str, int]:
    figures = keys[i]
    if figures[-1] == "s":
        decade = figures[:-1]
        return f"#{decade if len(decade) == 4 else '19' + decade}s", i + 1
    if len(figures) > 15:
        return f"#{figures}", i + 1  # not a quantity but e.g. a serial number
    value = float(figures)
    i += 1
    while i < len(keys) and keys[i] in MAGNITUDES:
        value *= MAGNITUDES[keys[i]]
        i += 1
    return _key(value), i


def _in_words(raw: Sequence[str], keys: Sequence[str], i: int) -> tuple[str, int]:
    if raw[i].casefold().endswith("ties"):
        return f"#19{VALUES[keys[i]]}s", i + 1
    total = current = 0
    start = i
    while i < len(keys):
        key = keys[i]
        if key in VALUES and (i == start or not _no_numeral(raw, keys, i)):
            joined = _joined(current, VALUES[key]) if i > start else VALUES[key]
            if joined is None:
                break
            current = joined
        elif key == "hundred":
            current *= 100
        elif key in MAGNITUDES:
            total, current = total + current * MAGNITUDES[key], 0
        elif not (key == "and" and keys[i - 1] in MAGNITUDES and i + 1 < len(keys) and keys[i + 1] in VALUES):
            break
        i += 1
    return _key(total + current), i


def _joined(current: int, value: int) -> int | None:
    """Join two number words, as in "twenty two", "hundred five" and "nineteen ninety"; None if they do not join."""
    if value < 10 and current % 10 == 0 and current % 100 >= 20:
        return current + value
    if value < 100 and current % 100 == 0:
        return current + value
    if 13 <= current <= 20 and 10 <= value < 100:
        return 100 * current + value
    return None


def _no_numeral(raw: Sequence[str], keys: Sequence[str], i: int) -> bool:
    """Whether the word at `i` is not a numeral here, as in "one of them", "no one" and "ten seconds"."""
    if keys[i] == "one":
        after = keys[i + 1] if i + 1 < len(keys) else ""
        return after in ("of", "who", "that", "another") or (i > 0 and keys[i - 1] in ("no", "the", "this", "that"))
    return keys[i] == "second" and (raw[i][-1] in "sS" or (i > 0 and (keys[i - 1] in VALUES or keys[i - 1].isdigit())))


def _roman(word: str) -> int:
    values = [_DIGITS[letter] for letter in word]
    return sum(-v if v < after else v for v, after in zip(values, [*values[1:], 0], strict=True))


def _key(value: float) -> str:
    return f"#{value:.10g}"


def states_numbers(text: Words, wanted: Sequence[str]) -> bool:
    """Whether a text states an amount.

    Every number of the amount must occur. A large or fractional one may be rounded to two or more significant digits.
    For a range, one number within it is enough. For money, the gold answer may omit the magnitude (e.g. "137" for "$137
    million"). The same number with a different unit is a different amount, unless conversion makes the two equal.

    Args:
        text: the words of the text to search.
        wanted: the canonical words of the gold amount.
    """
    found = _amounts(text.raw, text.keys)
    amounts = _amounts(wanted, wanted)
    if all(any(_same(one, other) for other in found) for one in amounts):
        return True
    if len(amounts) != 2 or not ("to" in wanted or "between" in wanted):
        return False
    low, high = amounts
    return any(low.value <= one.value <= high.value and _same_unit(one.unit, high.unit or low.unit) for one in found)


class _Amount(NamedTuple):
    """A value, the number as written without its magnitude, and the unit ("" if there is none)."""

    value: float
    written: float
    unit: str


def _amounts(raw: Sequence[str], keys: Sequence[str]) -> list[_Amount]:
    found = []
    for place, key in enumerate(keys):
        if key[0] == "#":
            value = float(key[1:].rstrip("s"))
            figures = raw[place].replace(",", "").rstrip("mbkMB")
            unit = _unit(keys, place)
            found.append(_Amount(value, float(figures) if figures.isdecimal() else value, unit))
            if raw[place + 1 : place + 2] == ("m",):  # metres or millions
                found.append(_Amount(value * MAGNITUDES["million"], math.nan, "million"))
        elif key == HALF:
            found.append(_Amount(0.5, 0.5, _unit(keys, place)))
    return found


def _unit(keys: Sequence[str], place: int) -> str:
    """The unit of the number at `place`: the measure after it or the currency before it; "" if there is neither."""
    after, before = "".join(keys[place + 1 : place + 2]), "".join(keys[max(0, place - 1) : place])
    return after if after in MEASURES else before if before in CURRENCIES else ""


def _same(wanted: _Amount, found: _Amount) -> bool:
    if wanted.unit and found.unit and not _same_unit(wanted.unit, found.unit):
        return _converted(wanted) == _converted(found)
    in_millions = found.unit in CURRENCIES and wanted.value < 1000 and found.written == wanted.value
    return in_millions or _near(found.value, wanted.value)


def _same_unit(one: str, other: str) -> bool:
    return one == other or VAGUE.get(one) == other or VAGUE.get(other) == one


def _converted(amount: _Amount) -> tuple[float, str]:
    """The amount's value in its base unit, and that base unit."""
    size, base = SIZES.get(amount.unit, (1, amount.unit))
    return float(f"{amount.value * size:.10g}"), base


def _near(value: float, wanted: float) -> bool:
    """Whether `value` is `wanted` or, if that is large or fractional, `wanted` rounded or cut to two or more digits."""
    if value == wanted:
        return True
    if not (0 < value < math.inf and wanted < math.inf) or (wanted == int(wanted) and wanted < _LARGE):
        return False
    figures = len(f"{value:.10g}".split("e")[0].replace(".", "").strip("0"))
    last_place = 10.0 ** (math.floor(math.log10(value)) - figures + 1)
    return figures > 1 and -last_place < value - wanted <= last_place / 2
