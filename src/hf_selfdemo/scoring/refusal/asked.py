"""Compares what a reply abstains on with what was asked.

"Toni Morrison wrote Beloved. The context does not give the date." answers who wrote it, and abstains on when. So the
kind of thing that the reply abstains on (a date, a name, a place) and its words are compared with those of the question
and of what the reply states elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

from hf_selfdemo.scoring.refusal.vocabulary import TEXT, WH

Relation = Literal["asked", "beside", "open"]

_KINDS = {
    "time": r"when|(?:what|which|in what|in which) (?:year|date|day|month|time|century|decade)|how (?:old|long ago)"
    r"|dates?|years?|days?|months?|birthday|age|period",
    "place": r"where|(?:what|which|in what|in which) (?:city|country|town|state|place|continent|county|region|village)"
    r"|place|location|city|country|town|state|street|birthplace|address|whereabouts",
    "number": r"how (?:many|much|tall|high|long|far|deep|big|large|fast|heavy|wide|often)|numbers?|amount|population"
    r"|height|length|depth|price|cost|size|weight|speed|score|budget|figures?|percentage|share|quantity|total"
    r"|distance|area|temperature",
    "person": r"who|whom|whose|(?:(?:what|which) (?:man|woman|person|actor|actress|king|queen|president|singer|player))"
    r"|names? of (?:the|his|her|their) (?:\w+(?:er|or|ist|ian|ess)|wife|husband|mother|father|son|daughter|child|king)"
    r"|identity|(?:founder|author|director|producer|composer|writer|singer|actor|actress|inventor|owner|winner|builder"
    r"|architect|designer|painter|creator|discoverer|captain|killer|murderer|president|leader|artist|sitter)s?",
    "name": r"(?:what(?: (?:is|was|are|were)|'s) (?:the|his|her|its|their)|(?:by|under) (?:what|which)) (?:\w+ )?names?"
    r"|(?:what|which) (?:team|club|company|river|airline|bank|hospital|school|university|newspaper|magazine|ship|band"
    r"|lake|mountain|island|planet|language)",
    "reason": r"why|reasons?|cause|motives?|purpose",
    "manner": r"how|manner|method",
    "whether": r"whether|if",
    "thing": r"what|which",
}
_KIND = re.compile("|".join(rf"(?P<{kind}>\b(?:{pattern})\b)" for kind, pattern in _KINDS.items()))
_NOUN_OF_KIND = re.compile(
    r" (?:is |was |are |were )?(?:the )?(?:exact |total |full )?"
    + "(?:"
    + "|".join(rf"(?P<{kind}>(?:{_KINDS[kind]})\b)" for kind in ("time", "place", "number", "person"))
    + ")"
)
_WH_WORD = re.compile(rf"\b{WH}\b")
_WHETHER_AND = re.compile(rf"\b(?:whether|if) (?:and|or) (?={WH})")
_OPENS_YES_OR_NO = re.compile(
    r"^(?:is|are|was|were|do|does|did|has|have|had|can|could|will|would|should|may|might|must)\b"
)
_SIGNS = {
    "time": r"\d+|january|february|march|april|may|june|july|august|september|october|november|december|century|ago"
    r"|yesterday|today|spring|summer|autumn|winter|morning|night|monday|tuesday|wednesday|thursday|friday|sunday",
    "number": r"\d+|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w+teen|\w+ty|hundred|thousand"
    r"|million|billion|once|twice|half|dozen|none|several)\b",
}
_NAMED = ("person", "place", "name")
_SIGNED = frozenset({*_SIGNS, *_NAMED})
_SIGN = {kind: re.compile(pattern) for kind, pattern in _SIGNS.items()}

_SMALL_WORDS = (
    "never nothing none nobody nowhere neither sadly sorry without zero sure well "
    "the and for but not nor with from into that this these those there here what which who whom whose when where "
    "why how whether his her its their they them she him you your our was were are has have had does did can "
    "could would will may might must should been being about any all some also only just more most other than "
    "then such name named called get got out one say says said tell told give given gave mention mentioned "
    "mentions provide provided state stated specify specified contain contained include included information info "
    "details detail answer question know known clear unclear unknown sure exact exactly specific specifically "
    "explicitly directly clearly precise actual passage passages text texts context document documents excerpt "
    "article source sources available however although though while please note unfortunately because since "
    "enough found find determine determined identify identified reveal revealed mean refer referred someone "
    "something anything regarding somewhere anywhere least much many far way thing"
)
_STOP = frozenset(_SMALL_WORDS.split())
_ONE_STEM = {
    word: words.split()[0]
    for words in (
        "born birth birthplace birthday birthdate",
        "die died dies death dead",
        "write wrote written writes writer author authored",
        "win won wins winner winning",
        "build built builds builder",
        "sing sang sung sings singer",
        "marry married wife husband spouse marriage wedding",
        "age old aged",
        "tall height high",
        "long length",
        "deep depth",
        "begin began begun start started",
        "film movie",
        "located location place",
    )
    for word in words.split()
}
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ers?|ors?|ed|es|s|e|y)$")
_WORD = re.compile(r"[^\W_]{3,}|\d+")
_SAID = re.compile(
    rf"\b(?:{TEXT}|it|they)\b[\w ,]{{0,60}}? (?:states?|says?|mentions?|indicates?|notes?|reports?|tells? us|explains?"
    r"|suggests?|shows?) that (?P<said>.+)"
)
_OF_THE_ANSWER = re.compile(r"(?:his|her|their) (?:full |first |last |real |own )?names?\b")
_REASON = re.compile(
    r"\b(?:because|due to|since|owing|caused|as a result|led to|by|after|from|thanks to|in order|so that)\b"
)
_PLACE_IN_PASSAGES = re.compile(rf"\b{TEXT} \d+", re.IGNORECASE)
_BLOT = "\N{FULL BLOCK}"  # masks the words of others: a title, a quotation
_NAME = re.compile(r"\b[A-Z][\w-]{2,}|\N{FULL BLOCK}+")
_CAPITAL = re.compile(r"\b[A-Z][\w'-]*")
_PRONOUN = re.compile(r"\b(?:it|he|she|they|him|her|them)\b")


_ATTRIBUTES = {
    "time": r"date[sd]?|undated|years?|when|days?|months?",
    "person": r"who\w*|whom|names?|named|identity",
    "place": r"where|places?|location|whereabouts",
    "number": r"how (?:much|many)|numbers?|figures?|amounts?|price|sum|population|length|height|depth",
    "reason": r"why|reasons?|causes?|motives?|explanations?",
}
_HEAD = re.compile(
    r"\b(?:what|which) (?:(?:is|was|are|were) (?:the|his|her|its|their) )?"
    r"(?!(?:is|was|are|were|did|does|do|has|had|will|can|kind|type|the|of)\b)(\w{3,})"
)


def denial(question: str) -> re.Pattern[str] | None:
    """A regular expression for clauses that deny what is asked for: "no colour", "but not when".

    Example:
        >>> denied = denial("What colour was it?")
        >>> bool(denied.search("no colour though")), bool(denied.search("it has no colour"))
        (True, False)
    """
    head = _HEAD.search(question.lower())
    named = [_ATTRIBUTES.get(kind_of(question) or "", ""), re.escape(head[1]) if head else ""]
    words = "|".join(filter(None, named))
    return _denial_of(words) if words else None


@lru_cache(maxsize=1 << 10)  # many questions ask for the same thing
def _denial_of(words: str) -> re.Pattern[str]:
    small = r"(?: (?:any|an?|the|its|his|her|their|clear|exact|specific|single|by|in|of|about|on))*"
    return re.compile(
        rf"(?:(?<!has )(?<!have )(?<!had )(?<!for )\bno|\b(?:never|without|nothing)|(?<!is )(?<!are )(?<!was )\bnot"
        rf"|n't (?:say|learn|give|tell|know)){small} (?:{words})\b(?! (?:was|were)\b)"
        rf"|\b(?:{words})\b(?: of [\w' ]{{1,40}}?)?(?: is| are|'s)? ?(?:n't|not|never|kept secret|undisclosed|unclear"
        r"|left (?:out|to))\b(?: [\w']+){0,3}$"
    )


@lru_cache(maxsize=1 << 10)
def kind_of(text: str) -> str | None:
    """The kind of thing that a direct or indirect question asks for; None if unknown. A question word decides first.

    Example:
        >>> kind_of("in which year did she die"), kind_of("the name of its founder"), kind_of("this")
        ('time', 'person', None)
    """
    low = _WHETHER_AND.sub("", text.lower())
    if _OPENS_YES_OR_NO.match(low):
        return "whether"
    found = None
    wh = _WH_WORD.search(low)
    if wh:
        found = _KIND.search(low, wh.start())
        if found and found.lastgroup == "thing":  # "what percentage" asks for a number
            found = _NOUN_OF_KIND.match(low, found.end()) or found
    found = found or _KIND.search(low)
    return found.lastgroup if found else None


def content(text: str) -> frozenset[str]:
    """The stems of the words of a text that are not stop words.

    Example:
        >>> sorted(content("When did the founder of the company die?")), sorted(content("It was founded in 1912."))
        (['compa', 'die', 'found'], ['1912', 'found'])
    """
    words = (word for word in _WORD.findall(text.lower()) if word not in _STOP)
    return frozenset(_ONE_STEM.get(word) or _ENDING.sub("", word)[:5] for word in words)


def said(low: str) -> str:
    """What a clause reports from the passages; the clause itself if it reports nothing.

    Example:
        >>> said("passage 2 states that she was born in kiel")
        'she was born in kiel'
    """
    found = _SAID.search(low) if " that " in low else None
    return found["said"] if found else low


def relation(question: str, declined: Sequence[str], stated: Iterable[str]) -> Relation:
    """Whether a reply abstains on what was asked or on something else.

    Args:
        question: the question.
        declined: the abstaining clauses, without their abstention phrases.
        stated: the clauses that state something, as written.

    Returns:
        "asked": the reply abstains on what was asked, or on a part of it that it states nowhere else.
        "beside": the reply abstains on something else, and states what was asked.
        "open": neither can be told.

    Example:
        >>> relation("Who wrote Beloved?", [" the date"], ["Toni Morrison wrote Beloved"])
        'beside'
        >>> relation("When did Ada Storm die?", [" when she died"], ["Ada Storm was a chemist"])
        'asked'
    """
    asked, kind = content(question), kind_of(question)
    told = _PLACE_IN_PASSAGES.sub("", " ".join(stated))
    covered = asked & content(told)
    left = asked - covered
    declined_text = " ".join(declined)
    of = content(declined_text)
    declined_kind = kind_of(declined_text)
    if not kind:
        return "open"
    if told and covered and _OF_THE_ANSWER.match(declined_text.strip()):
        return "beside"
    if not told or not may_answer(question, told) or (kind == "reason" and not _REASON.search(told)):
        return "asked" if of & asked or (kind and kind == declined_kind) else "open"
    if of & left:
        return "asked"
    whole = not left or (len(left) == 1 and bool(_PRONOUN.search(told.lower())))
    if declined_kind and kind and declined_kind != kind:
        return "beside" if covered or whole else "open"
    if declined_kind == kind:
        if whole or (covered & content(_CAPITAL.sub("", question)) and not of & asked):
            return "beside" if of - asked else "open"
        return "asked"
    return "beside" if of - asked and (covered or whole) else "open"


def may_answer(question: str, told: str) -> bool:
    """False if `told` cannot be the answer: it adds no date, number or name where one is asked for, or no word at all.

    Always true for yes-or-no questions and for questions of no known kind.

    Example:
        >>> may_answer("Who wrote it?", "It was written in 1901"), may_answer("When?", "It was written in 1901")
        (False, True)
    """
    kind = kind_of(question)
    if kind in _SIGN:
        asked = question.lower()
        return any(sign[0] not in asked for sign in _SIGN[kind].finditer(told.lower()))
    if kind in _NAMED and not told.islower():
        return bool(content(" ".join(_NAME.findall(told))) - content(question))
    return not kind or kind == "whether" or _BLOT in told or bool(content(told) - content(question))


def is_signed(question: str) -> bool:
    """True if a date, number or name is asked for, which `may_answer` can recognize.

    Example:
        >>> is_signed("Who owns it?"), is_signed("What is it?")
        (True, False)
    """
    return kind_of(question) in _SIGNED
