"""Split a text into canonical words, so that spellings which people read as equal become equal."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from hf_selfdemo.scoring.answers.numbers import NUMERALS, is_roman, join_numbers
from hf_selfdemo.scoring.answers.tables.measures import MEASURES, MONTHS
from hf_selfdemo.scoring.answers.tables.rows import each
from hf_selfdemo.scoring.answers.tables.spellings import CAPITALS, DEMONYMS, JOINED, SAME, STATES, UNIT_LETTERS
from hf_selfdemo.scoring.answers.tokens import BREAK, Words
from hf_selfdemo.scoring.scripts import MARKS, SIGN, UNSPACED, without_accents

_UNSEEN = re.compile("[\u00ad\u200b-\u200d\u2060\ufeff]")  # soft hyphens, zero-width characters
_MOJIBAKE = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152-\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]{1,3}"
)
_FOOTNOTE = re.compile(r"\[\^?\d+\^?\](?:\([^)\s]*\))?|\^\d+\^|\*\*|[\u00b9\u00b2\u00b3\u2070-\u2079]+(?=\s|$)")


def _lexer(letter: str) -> re.Pattern[str]:
    """The regular expression that splits a text into pieces; `letter` is the pattern of one letter."""
    return re.compile(
        rf"""[ ]?(                                                  # saves a try at the blank
            (?:{letter}\.\s?){{2,}}                                # initials, abbreviations
          | (?<!\w){letter}{{1,2}}[-−](?![\w-])                      # O-, AB-
          | {letter}+(?:['’`]{letter}+)*{SIGN}? | [{UNSPACED}][{MARKS}]*
          | \d{{4}}-\d\d?-\d\d?(?!\d) | \d\d?/\d\d?/\d{{2,4}}(?!\d)   # dates
          | \d[\d,.]*\s?[-–]\s?\d[\d,]*(?:\.\d+)?                  # 1632–53, 6-14
          | \d\d?:\d\d(?![\d:])                                       # times of day
          | ['’]?\d0['’]?s\b | \d{{2}}\d0['’]?s\b                   # decades
          | \d/\d(?![\d/])                                            # fractions
          | \d{{1,3}}(?:[ \u00a0\u2009\u202f]\d{{3}})+(?![\d,.]?\d)     # 18 426
          | (?<!,[ ])(?<!\d)\d\d?,[ ]\d{{3}}(?![\d,.]?\d)(?!,?[ ]\d)  # 18, 426
          | \d{{1,3}}(?:\.\d{{3}}){{2,}}(?!\d)                         # 1.234.567
          | \d[\d,]*(?:st|nd|rd|th|ST|ND|RD|TH)\b                    # 21st
          | \d[\d,]*(?:\.\d+)?[MB]\b | (?<=[$£€¥₹])\d[\d,]*(?:\.\d+)?[mbk]\b  # 3.2M, $5m
          | (?:(?<![^\s(])[-−–])?\d[\d,]*(?:\.\d+)?
          | [%$£€¥₹°&,;\n] | [.!?:](?=\s|$)
        )""",
        re.VERBOSE,
    )


_LEX = _lexer(rf"(?:(?![{UNSPACED}])[^\W\d_]|[{MARKS}])")
_ASCII_LEX = _lexer("[A-Za-z]")  # three times as fast
_POINTS = frozenset(",;:\n.!?")
_SHORT = each(
    """mr mrs ms dr st vs no jr sr prof gen col capt lt sgt sen gov rev hon mt ft inc ltd co
    jan feb mar apr jun jul aug sep sept oct nov dec"""
)
_LETTER_A = "a'"
"""The key of an "A" that is not an article."""
_MONTH_NAMES = tuple(MONTHS)
_ORDINAL = re.compile(r"[\d,]+(?:st|nd|rd|th)")
_LETTERS = {"m": "million", "b": "billion", "k": "thousand"}
_DECIMAL_COMMA = re.compile(r"\d+,\d\d?")
_POINTED = re.compile(r"\d+(?:\.\d{3}){2,}")
_GAPS = re.compile(r"(?<=\d),?\s(?=\d{3})")
_QUARTERS = each("00 15 30 45")
_SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_PLAIN = str.maketrans("’‘`–—−øłđðı", "'''---olddi") | {ord("æ"): "ae", ord("œ"): "oe"}


@lru_cache(maxsize=1 << 10)
def words(text: str) -> Words:
    """Split a text into words and bring each to its canonical form.

    Case, accents, punctuation and plural endings are dropped. Numerals become their value (e.g. `#1895`) however they
    are written. Abbreviations are spelt out.

    Example:
        >>> words("The U.S. won twenty-two medals, Röntgen said.").keys
        ('the', 'usa', 'won', '#22', 'medal', 'rontgen', 'said', '.')
    """
    raw: list[str] = []
    keys: list[str] = []
    numerals: list[int] = []
    previous, plain = "", _plain(text)
    pieces = (_ASCII_LEX if plain.isascii() else _LEX).findall(plain)
    for piece, after in zip(pieces, [*pieces[1:], ""], strict=False):
        if piece not in _POINTS:
            own_keys, numeral = _canonical(piece)
            if numeral and ", " in piece and keys and keys[-1] in MONTHS:  # a day and a three-digit year
                own_keys = tuple(piece.split(", "))
            if piece in "Aa" and _is_letter(piece, previous, after):
                own_keys = (_LETTER_A,)
            elif piece in UNIT_LETTERS and (previous[:1].isdecimal() or previous == "km"):
                own_keys = (UNIT_LETTERS[piece],)
            elif previous == "," and piece.casefold() in STATES:
                own_keys = tuple(map(singular, STATES[piece.casefold()].split()))
            for key in own_keys:
                if keys and (keys[-1], key) in JOINED:
                    keys[-1] = JOINED[keys[-1], key]
                else:
                    if numeral:
                        numerals.append(len(keys))
                    raw.append(piece)
                    keys.append(key)
        elif _ends_sentence(piece, previous):
            raw.append(BREAK)
            keys.append(BREAK)
        previous = piece
    return Words(*join_numbers(raw, keys, numerals)) if numerals else Words(tuple(raw), tuple(keys))


def _is_letter(a: str, previous: str, after: str) -> bool:
    """Whether an "A" is not an article: true in "hepatitis A" and "Vitamin A is", false in "Once Upon A Time"."""
    if not after[:1].isalnum():
        return True
    return a == "A" and after[0].islower() and previous not in ("", *_POINTS - {","})


def _plain(text: str) -> str:
    """The text in Unicode NFC, without footnote marks and bold markup."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _MOJIBAKE.sub(_decoded, _UNSEEN.sub("", text)))
    elif "[" not in text and "*" not in text and "^" not in text:
        return text
    return _FOOTNOTE.sub(" ", text).translate(_SUBSCRIPTS)


def _decoded(found: re.Match[str]) -> str:
    """Repair UTF-8 that was decoded as Windows-1252, e.g. "RÃ¶ntgen" to "Röntgen"."""
    try:
        return found[0].encode("cp1252").decode("utf-8")
    except UnicodeError:
        return found[0]


def _ends_sentence(point: str, previous: str) -> bool:
    if point in ".:":
        return len(previous) > 1 and previous.casefold() not in _SHORT
    return point != ","


@lru_cache(maxsize=1 << 14)
def _canonical(piece: str) -> tuple[tuple[str, ...], bool]:
    """The canonical words of one piece of text, and whether they may begin a numeral for `join_numbers`."""
    word = fold(piece)
    if piece[-1].isdecimal() or piece[0].isdecimal() or piece[0] in "'’":
        return _digits(_GAPS.sub("", word)), True
    word = word.replace(". ", "").replace(".", "").strip()
    same = SAME.get(word) or SAME.get(word := word.removesuffix("'s").replace("'", "")) or word
    if (word in CAPITALS and not piece.isupper()) or ("." in piece and same in MEASURES):
        same = word
    keys = tuple(map(singular, same.split()))
    return keys, is_roman(word) or not NUMERALS.isdisjoint(keys) or word[:1].isdecimal()


def _digits(word: str) -> tuple[str, ...]:
    """Split dates, times and ranges in digits into words. Plain numbers stay whole, for `join_numbers`."""
    if word[1:2] == "/" and len(word) == 3:
        return ("half",) if word == "1/2" else (word[0], word[2])
    if "/" in word or word.count("-") == 2:
        return _calendar([int(part) for part in re.split("[/-]", word)])
    if ":" in word:
        return _clock(*word.split(":"))
    if _ORDINAL.fullmatch(word):
        word = word[:-2]
    if word[-1] in _LETTERS:
        return word[:-1].replace(",", ""), _LETTERS[word[-1]]
    if _POINTED.fullmatch(word):
        return (word.replace(".", ""),)
    word = word.replace(",", "." if _DECIMAL_COMMA.fullmatch(word) else "").replace("'", "")
    if "-" in word[1:]:
        first, last = (part.strip().rstrip(".") for part in word.split("-"))
        return first, "to", first[:2] + last if len(first) == 4 and len(last) == 2 else last
    return (word,)


def _clock(hour: str, minute: str) -> tuple[str, ...]:
    """A time on the 12-hour clock. Times off the quarter hour stay as they are, as they may be verses or scores."""
    rest = () if minute == "00" else (minute,)
    if 12 < int(hour) < 24 and minute in _QUARTERS:
        return str(int(hour) - 12), *rest, "pm"
    return hour, *rest


def _calendar(parts: list[int]) -> tuple[str, ...]:
    """Month, day and year of a date in digits, e.g. 2001-12-25, 12/25/2001 or 25/12/01."""
    year, month, day = parts if parts[0] > 31 else (parts[2], parts[0], parts[1])
    if month > 12:
        month, day = day, month
    if year < 100:
        year += 1900 if year > 30 else 2000
    if not 1 <= month <= 12:
        return tuple(map(str, parts))
    return _MONTH_NAMES[month - 1], str(day), str(year)


def fold(text: str) -> str:
    """The text in lower case, without accents and with plain apostrophes and hyphens.

    Example:
        >>> fold("Röntgen’s")
        "rontgen's"
    """
    return text.casefold() if text.isascii() else without_accents(text).translate(_PLAIN)


@lru_cache(maxsize=1 << 14)
def singular(word: str) -> str:
    """The word without its plural ending. Errors do little harm, as both sides of a comparison are cut alike.

    Example:
        >>> singular("cities"), singular("boxes"), singular("glass")
        ('city', 'box', 'glass')
    """
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("sses", "xes", "zes", "ches", "shes")):
        return word[:-2]
    if len(word) > 3 and word[-1] == "s" and word[-2] not in "su":
        return word[:-1]
    return word


def misspelt(word: str, other: str) -> bool:
    """Whether two long words with the same first letter differ by one letter or by two swapped adjacent letters.

    Example:
        >>> misspelt("sukhvinder", "sukhwinder"), misspelt("coleman", "colman"), misspelt("marcus", "marius")
        (True, True, False)
    """
    shorter, longer = sorted((word, other), key=len)
    if len(shorter) < 6 or shorter[0] != longer[0] or len(longer) - len(shorter) > 1 or len(longer) < 7:
        return False
    start = next((i for i, (a, b) in enumerate(zip(shorter, longer, strict=False)) if a != b), len(shorter))
    left, right = shorter[start:], longer[start:]
    if len(left) < len(right):
        return left == right[1:]
    return left[1:] == right[1:] or (left[:2] == right[1::-1] and left[2:] == right[2:])


_ENDINGS = each(
    """isms ism ists ist ians ian ans an ings ing ers er ors or ations ation itions ition ions ion es ed s e y ly ally
    al ical ic a ia able ible ments ment ness ity ive ish ant ent ance ence ary ates ated ating ate izes ized izing
    ize ise"""
)
_LONGEST_ENDING = max(map(len, _ENDINGS))
_SHORTEST_ROOT = 4


@lru_cache(maxsize=1 << 14)
def root(word: str) -> str:
    """The stem of a word: endings are cut while four letters remain. A people or language becomes its country.

    Example:
        >>> root("sharecroppers") == root("sharecropping"), root("french") == root("france")
        (True, True)
    """
    word = singular(DEMONYMS.get(word, word))
    while (shorter := _without_ending(word)) != word:
        word = shorter
    return word


def _without_ending(word: str) -> str:
    for length in range(min(_LONGEST_ENDING, len(word) - _SHORTEST_ROOT), 0, -1):
        if word[-length:] in _ENDINGS:
            return word[:-length]
    return word
