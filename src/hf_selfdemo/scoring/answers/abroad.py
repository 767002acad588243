"""What a reply denies in languages other than English."""

from __future__ import annotations

import re

_BUT = "sino|sondern|mais|ma|mas|maar|ale|lecz|а|но"
_UP_TO = rf"(?:(?!,? (?:{_BUT})\b)[^.,;:!?\n])+"
_BEFORE = re.compile(
    r"(?:\b(?:[Nn]o (?:fue|era|es)|[Nn]icht|[Kk]ein(?:e[rsnm]?)?|n['’](?:est|était|a été) pas|[Nn]on (?:è|era|fu)\b"
    r"(?: stat[oa])?|[Nn]ão (?:é|era|foi)|[Nn]iet|[Nn]ie(?: (?:był[ao]?|jest|to))?|[Нн]е|ليس(?:ت)?)\b"
    r"(?! (?:sólo|solo|solamente|nur|seulement|soltanto|só|apenas|alleen|tylko|только)\b))" + _UP_TO
)
"""A denial whose negation word comes first, e.g. "nicht Rom"."""

_SUBJECT = re.compile(
    r"(?:^|(?<=[.!?\n] )|(?<=, ))[^\W\d_a-zа-я]\w+(?: [^\W\d_a-zа-я]\w+){0,3}"
    r"(?: (?:не|nie|não)(?= [a-zа-яąęłżźćśń])| (?:war|ist|hat|was|is|heeft) (?:\w+ ){0,3}(?:nicht|niet)(?=[.,;!?]|$))"
    + r"[^.,;:!?\n]*"
)
"""A clause that begins with a name and denies something of it, e.g. "Anna war es nicht"."""

_AFTER = re.compile(
    r"(?:(?!は)[^。、，．.,!?\n「」])*?(?<!だけ)(?<!のみ)(?:では|じゃ|で)(?:ない|なく|ありません|なかった|なくて)"
    r"|(?:^|(?<=[。\n]))[^。、\n]*は[^。、\n]*(?:ません|(?<![い他])ない|なかった)(?=[。、\n]|$)"
    r"|(?<!是)(?:不是|并非)(?:(?!而是)[^,;:!?\n\u3002\uff0c\uff1b])+"
    r"|[^.,!?\n]*?(?<!만)(?<!만이) ?(?:아니라|아니고|아닙니다|아니다|아니에요|아닌)"
    r"|[^.,;!?\n]*\bdeğil(?:dir)?\b|[^।.,!?\n]*नहीं"
)
"""A denial in Japanese, Chinese, Korean, Turkish or Hindi. Only in Chinese does the negation word come first."""

_MARKS = (
    *(
        "o fue ",
        "o era ",
        "o es ",
        "nicht",
        "Nicht",
        " pas ",
        "kein",
        "Kein",
        "on era ",
        "on fu ",
        "on è ",
        "niet",
        "Niet",
    ),
    *(
        " nie ",
        "Nie ",
        "ão ",
        "Не ",
        "не ",
        "ليس",
        "ない",
        "なく",
        "ません",
        "なかった",
        "不是",
        "并非",
        "아니",
        "아닙",
        "아닌",
    ),
    *("değil", "नहीं"),
)
"""Substrings of which every denial contains at least one. Most texts contain none, which saves the slow patterns."""
_ASCII_MARKS = tuple(mark for mark in _MARKS if mark.isascii())


def denies_abroad(text: str) -> bool:
    """Whether a text denies something in a language other than English.

    Example:
        >>> denies_abroad("東京ではありません。"), denies_abroad("It is not Rome.")
        (True, False)
    """
    marks = _ASCII_MARKS if text.isascii() else _MARKS
    return any(mark in text for mark in marks) and without_denials(text, "") != text


def without_denials(text: str, gone: str) -> str:
    """The text with everything it denies replaced by `gone`.

    Example:
        >>> without_denials("Это был не Пушкин, а Лермонтов.", " # ")
        'Это был  # , а Лермонтов.'
    """
    for pattern in (_SUBJECT, _BEFORE) if text.isascii() else (_SUBJECT, _BEFORE, _AFTER):
        text = pattern.sub(gone, text)
    return text
