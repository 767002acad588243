"""Names that a reply mentions without giving them as its answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from hf_selfdemo.scoring.answers.expected import asking
from hf_selfdemo.scoring.answers.tables.rows import each
from hf_selfdemo.scoring.answers.tables.weights import STOPWORDS
from hf_selfdemo.scoring.answers.words import root, words

_GONE = " # "
_KIN_WORDS = each(
    """mother father son daughter wife husband widow widower brother sister uncle aunt nephew niece cousin grandson
    granddaughter grandfather grandmother student pupil friend rival assistant successor predecessor neighbour neighbor
    colleague biographer follower disciple lover teacher mentor bodyguard secretary"""
)
_KIN = "|".join(sorted(_KIN_WORDS))
_KINSHIP = re.compile(rf"\b(?:{_KIN}|whose)\b", re.IGNORECASE)
_NAME = r"(?:(?:the|a|an) )?[A-Z](?:[\w.'’-]*\w)?(?: (?:(?:of|the|de|da|van|von|der|bin) )*[A-Z](?:[\w.'’-]*\w)?)*"
_OF_RELATIVE = re.compile(rf"\b((?:{_KIN}) of ){_NAME}|^((?:the |a )?(?:{_KIN}) of )[^,.;:]+?(?=\.?$)")
_RELATIVE = re.compile(rf"{_NAME}(?=['’]s? (?:[a-z]+ ){{0,2}}(?:{_KIN})\b)|^[^,.;:]+?(?=['’]s (?:{_KIN})\.?$)")
_BELIEVED = (
    r"(?:believe[sd]?|thinks?|thought|assume[sd]?|claim(?:s|ed)?|says?|said|credit(?:s|ed)?|attributed?|supposed?"
    r"|suspect(?:s|ed)?|consider(?:s|ed)?|rumou?red|expected|planned|scheduled|intended|meant|due|favou?rites?)"
)
_PEOPLE = (
    r"(?:many|most|some|several|people|often|commonly|widely|popularly|usually|generally|mistakenly|wrongly|erroneously"
    r"|falsely|first|initially|originally|once|sometimes|was|were|is|are)"
)
_CORRECTED = re.compile(
    rf"(?:^|(?<=[.!?;\n]\s))[^.!?;\n]*?\b{_PEOPLE}\b[^.!?;\n]*?\b{_BELIEVED}\b[^.!?;\n]*?"
    r"(?P<correction>(?:,|\s[-–—])?\s(?:but|yet)\s|[,;.]\s(?:but|however|in fact|actually|in reality|in truth)\b,?"
    r"|;\s(?=it |he |she |they ))(?P<rest>[^.!?\n]*)"
    rf"|(?:^|(?<=[.!?;\n]\s))(?:although|though|while|whereas)\b[^.!?;,\n]*\b{_BELIEVED}\b[^.!?;,\n]*(?P<comma>,)"
    r"(?P<main>[^.!?\n]*)"
    r"|(?:^|(?<=[.!?;\n]\s))contrary to [^.!?;,\n]*\b(?P<contrary>,)(?P<fact>[^.!?\n]*)",
    re.IGNORECASE,
)
_CANDIDATE = re.compile(r"\b[A-Z]|\d")
_CLAUSE_END = re.compile(r"[.!?;](?<=\w\w\w.)\s+|\n+|,? but ")
_ENDS = (". ", "\n", " but ", "; ", "! ", "? ")
_REFERS = re.compile(r"\W*(?:it|he|she|they|this|that|these|those|there|the answer|i|we|you)\b", re.IGNORECASE)
_WORD = re.compile(r"[a-z]+")
_CORRECTS: tuple[str, ...] = (
    *("but ", "yet ", "however", "in fact", "actually", "in reality", "in truth", "though", "while", "whereas"),
    *("contrary", ";"),
)
_STEM = 4  # letters of a verb that inflection leaves unchanged
_LONGEST = 300
"""Longest reply, in characters, that is searched for names it only mentions."""


def names_kin(text: str) -> bool:
    """Whether a text contains a word for a relationship (e.g. "wife", "pupil") or "whose".

    Example:
        >>> names_kin("the Wife of Bath"), names_kin("Bath")
        (True, False)
    """
    return bool(_KINSHIP.search(text))


def given(text: str, question: str = "") -> str:
    """The text with everything that it mentions but does not give as its answer replaced by "#".

    That is a person whose relative is meant, a common belief that the text corrects, and a clause before the one that
    answers the question in the question's own words.

    Args:
        text: the reply.
        question: the question.

    Example:
        >>> given("It was designed by the brother of Odalys Brenk.")
        'It was designed by the brother of  # .'
        >>> given("Many believe it was Fleming, but it was Duchesne.")
        ' # , but it was Duchesne.'
        >>> given("The favourites were Ajax. Milan won the final.", "Who won the final?")
        ' # . Milan won the final.'
    """
    if len(text) > _LONGEST:
        return text
    lower = text.lower()
    if not _KIN_WORDS.isdisjoint(_WORD.findall(lower)) and not names_kin(question):
        text = _OF_RELATIVE.sub(rf"\1\2{_GONE}", text)
        text = _RELATIVE.sub(_GONE, text) if "'" in text or "’" in text else text
    if any(word in lower for word in _CORRECTS):
        text = _CORRECTED.sub(_keep_correction, text)
    return _answering(text, question)


def _keep_correction(found: re.Match[str]) -> str:
    for sign, rest in (("correction", "rest"), ("comma", "main"), ("contrary", "fact")):
        if found[sign] and _CANDIDATE.search(found[rest].strip()):
            return _GONE + found[sign] + found[rest]
    return found[0]


def _answering(text: str, question: str) -> str:
    """The text without each clause that shares no word with the question and precedes a clause that answers it."""
    if not any(end in text for end in _ENDS):
        return text
    asked = _asked(question)
    if not asked or asked[0][:_STEM] not in text:
        return text
    ends = [found.span() for found in _CLAUSE_END.finditer(text)]
    starts, stops = [0, *(end for _, end in ends)], [*(start for start, _ in ends), len(text)]
    clauses = list(zip(starts, stops, strict=True))
    if not any(_opens_with_name(text[start:stop]) for start, stop in clauses[1:]):
        return text
    kept, place = [], 0
    for (start, stop), (after, after_stop) in pairwise(clauses):
        if _tells_who(text[after:after_stop], asked) and _is_aside(text[start:stop], asked):
            kept += [text[place:start], _GONE]
            place = stop
    return "".join([*kept, text[place:]])


def _opens_with_name(clause: str) -> bool:
    return clause[:1].isupper() and clause.split()[0].casefold() not in STOPWORDS


@lru_cache(maxsize=1 << 10)
def _asked(question: str) -> tuple[str, ...]:
    """Stems of the question's words, in order, without stop words; empty if it asks for a time, place or amount."""
    if asking(question).kind not in ("person", "other"):
        return ()
    return tuple(root(key) for key in words(question).keys if key[0].isalnum() and key not in STOPWORDS)


def _is_aside(clause: str, asked: Sequence[str]) -> bool:
    """Whether a clause is a statement that shares no stem with `asked` and does not begin with a pronoun."""
    found = words(clause)
    states = any(raw[0].islower() for raw in found.raw)
    return states and not _REFERS.match(clause) and not any(root(key) in asked for key in found.keys)


def _tells_who(clause: str, asked: Sequence[str]) -> bool:
    """Whether a clause begins with a name that is not in the question and then repeats the first stem of `asked`."""
    if asked[0][:_STEM] not in clause or not _opens_with_name(clause):
        return False
    first, *rest = (root(key) for key in words(clause).keys)
    return first not in asked and asked[0] in rest
