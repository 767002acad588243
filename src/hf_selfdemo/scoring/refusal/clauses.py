"""Cuts a reply into clauses and masks the words of others in it.

Masking keeps the position of every character, so a match in a clause can be shown in the reply itself.
"""

from __future__ import annotations

import re
from collections.abc import Set
from typing import NamedTuple

from hf_selfdemo.scoring.refusal.rules import words

_ONE_SPELLING = str.maketrans(
    dict.fromkeys("’‘´", "'")
    | dict.fromkeys("`*\t\r\xa0\u3000", " ")
    | dict.fromkeys("—–", "-")
    | {"İ": "I"}  # the only letter that has more characters in lower case
)
_BLOT = "\N{FULL BLOCK}"
_WRAPPED = re.compile(r"\n(?=[^\S\n]*[a-z])")  # a line in lower case continues the one before

_QUOTES = "\"“”„«»《》「」『』'"
_QUOTE = re.compile(
    r"\"[^\"]{1,160}\"|[“”„«《「『][^“”„»《》「」『』]{1,160}[“”»》」』]|(?<!\w)'[A-Z][^']{0,80}(?:'\w[^']{0,80})*'(?!\w)"
)
_NO_QUOTES = str.maketrans(dict.fromkeys(_QUOTES[:-1], " "))
_LEAD_IN = re.compile(r"(?:\b(?:the|final|my|correct|answer|reply|response|is|would|be|a)\b|\W|_)*")

_LACK = ("No", "Un", "Cannot", "Sorry", "Know", "n't")
_LACKING = re.compile(r"\b(?:Not?|None|Nothing|Nobody|Un\w+|Cannot|Sorry|\w+n't|Know[ns]?)\b")
_CAPITAL = r"(?:[A-Z][a-z][\w']*|I'\w+|I|A)"
_SMALL = r"(?:of|the|to|in|and|for|on|a|an|is|be|it|with|by|as|at|or|from|but)"
_TITLE = re.compile(rf"(?<![\w'])\(?{_CAPITAL}(?: \(?(?:{_SMALL} )*{_CAPITAL})+")
_OF_THE_PROMPT = re.compile(r"Passage|Text|Context|Document")
_REPORTED = re.compile(r"\b(?:said|replied|answered|claimed|declared|testified|told(?: \w+){1,3}) that\b[^.!?;]*")

# commas around such a word do not end a clause: "The builder, however, is not named"
_MANNER = r"(?:however|therefore|unfortunately|sadly|though|still|hence|thus|but|yet|in fact)"
_MANNER_ENDS = ("owever,", "fore,", "nately,", "adly,", "ough,", "till,", "ence,", "hus,", "ut,", "et,", "fact,")
_ASIDE = re.compile(rf"(?<=\w), {_MANNER},(?= )")
_OPENING = re.compile(rf"(?:^|(?<=[.;:\n] )|(?<=\n)){_MANNER},(?= )", re.IGNORECASE)

SENTENCE_ENDS = frozenset(".!?;。!?;\n")
_NO_WORDS = " _/\\¯~#>|=+•-"
_CONTRAST = r"but|however|yet|though|although|even though|while|because"
_BREAK = re.compile(
    r"[ .!?,;:()\[\]。、,;:?!()\n](?:(?<=[,;:()\[\].])(?!\d)|(?<=[!?。、,;:?!()\n])"
    rf"|(?<= )(?:-+(?= )|(?=(?:{_CONTRAST})\b)))|(?=但)"
)
_ABBREVIATED = re.compile(r"\b(?:[A-Z]|St|Dr|Mr|Ms|Mrs)$")
_LONGEST_ABBREVIATED = 3


class Clause(NamedTuple):
    """A stretch of the reply without punctuation.

    `text` begins at character `start` of the reply, `low` is `text` in lower case, and `words` are its words. `after`
    and `until` are the characters between this clause and the one before and the one after, e.g. ". ", ", " or " ".
    """

    text: str
    low: str
    start: int
    after: str
    until: str
    words: Set[str]


def cut(reply: str) -> list[Clause]:
    """The clauses of `reply`, with the words of others masked: quotations, titles and reported speech.

    Example:
        >>> [clause.low for clause in cut("He said “I don’t know”, but it was 1912.")]
        ['he said ██████████████', 'but it was 1912']
    """
    text = own_words(reply)
    spans: list[tuple[int, int]] = []
    start = 0
    for gap in _BREAK.finditer(text):
        if gap[0] == "." and _ABBREVIATED.search(text, max(start, gap.start() - _LONGEST_ABBREVIATED), gap.start()):
            continue
        _add_stretch(spans, text, start, gap.start())
        start = gap.end()
    _add_stretch(spans, text, start, len(text))
    ends = [0, *(end for _, end in spans)]
    starts = [*(start for start, _ in spans), len(text)]
    return [
        Clause(text[a:b], low := text[a:b].lower(), a, text[ends[i] : a], text[b : starts[i + 1]], words(low))
        for i, (a, b) in enumerate(spans)
    ]


def own_words(reply: str) -> str:
    """`reply` with uniform quotes, dashes and spaces and the words of others masked; the length stays the same."""
    text = reply.translate(_ONE_SPELLING)
    if "\n" in text:
        text = _WRAPPED.sub(" ", text)
    if any(mark in text for mark in _QUOTES):
        # a reply that is one quotation is in the speaker's own words
        whole = _LEAD_IN.fullmatch(_QUOTE.sub(" ", text))
        text = text.translate(_NO_QUOTES) if whole else _QUOTE.sub(_blot, text)
    if any(word in text for word in _LACK):
        text = _TITLE.sub(_blot_title, text)
    if " that" in text:
        text = _REPORTED.sub(_blot, text)
    if any(word in text for word in _MANNER_ENDS):
        text = _ASIDE.sub(lambda aside: " " * len(aside[0]), text)
        text = _OPENING.sub(lambda word: word[0][:-1] + " ", text)
    return text


def _add_stretch(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    stretch = text[start:end]
    inner = stretch.strip(_NO_WORDS)
    if inner:
        start += len(stretch) - len(stretch.lstrip(_NO_WORDS))
        spans.append((start, start + len(inner)))


def _blot(found: re.Match[str]) -> str:
    return _BLOT * len(found[0])


def _blot_title(found: re.Match[str]) -> str:
    """Mask capitalized words such as "I Don't Know", which are a title, unless they name the passages."""
    named = len(re.findall(r"[A-Z]\w+", found[0])) >= 2 and _LACKING.search(found[0])
    return _blot(found) if named and not _OF_THE_PROMPT.search(found[0]) else found[0]
