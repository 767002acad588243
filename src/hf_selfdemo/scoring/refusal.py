"""Does a reply decline to answer?

Phrase lists call helpful answers refusals, so every pattern is tied to the act of not knowing: the speaker does not
know, the passages do not say, the answer is not given. A reply that also commits itself ("I'm not certain, but it was
1912") is an answer, and what is quoted or a title ("No One Knows" is a song) is not looked at.
"""

from __future__ import annotations

import re

# one spelling for each contraction keeps the patterns below readable
_SPELL_OUT = [
    (re.compile(pattern, re.IGNORECASE), full)
    for pattern, full in (
        (r"\b(?:can't|cannot|cant)\b", "can not"),
        (r"\b(do|does|did|is|are|was|were|could|would|has|have|had)n'?t\b", r"\1 not"),
        (r"\b(i)'m\b", r"\1 am"),
        (r"\b(it|that|there|answer)'s\b", r"\1 is"),
        (r"\b(we|they)'re\b", r"\1 are"),
        (r"\b(i|we)'ve\b", r"\1 have"),
        (r"^\W*(?:the )?(?:answer|reply|a) ?: *", ""),
    )
]
_QUOTED = re.compile(r"[\"“”«][^\"“”«»]{1,80}[\"“”»]|(?<!\w)'[A-Z].{0,80}?'(?!\w)")
_TITLE = re.compile(r"\b(?:[A-Z][\w']*\s+)+(?:Known?|Knows|Unknown|Answers?|Say|Tell|Sure|Idea)(?:\s+[A-Z]\w*)*\b")

_WH = r"(?:who|whom|whose|what|when|where|which|how|why|whether|if)"
_END = r"\s*(?:$|[.,;:!?)])"
_NOT = r"(?:do|does|did|can|could|will|would|am|is|are|was|were|has|have|had) not"
_SPEAKER = (
    r"(?:^|[.?!,;:(]\s*|\b(?:but|and|so|as|that|because|since|though|although|sorry|afraid|unfortunately|however"
    r"|passages?|texts?|context|information|above|given|provided)\s+)(?:i|we)\b"
)
# what was shown: "the passages", "these two documents", "the information provided", but not "the text of the treaty"
_GIVEN = r"(?:provided|given|supplied|available|retrieved|above|following|presented|shown)"
_TEXT = r"(?:passages?|texts?|contexts?|documents?|sources?|excerpts?|paragraphs?|articles?|snippets?|materials?)"
_INFO = r"(?:information|data|content|evidence|details)"
_KIND = rf"(?:{_GIVEN}|first|second|third|last|other|two|three|four|five|current|entire|whole)"
_SHOWN = (
    rf"(?:(?:\b(?:the|this|that|these|those|both|your|any)|^|[.?!,;:]|\b(?:but|and))\s*\b(?:{_KIND} ){{0,2}}{_TEXT}"
    rf"|\b{_GIVEN} {_INFO}|\b{_INFO} {_GIVEN})\b(?! of\b)"
)
_IN_SHOWN = rf"(?:in|by|from|within|among|on|with) (?:\w+ ){{0,3}}?(?:{_TEXT}|{_INFO})\b(?! of\b)"
_ON = r"(?:(?!\b(?:say|state|report|note|tell|show|explain|claim|mention|describe)s?\b)[^.?!,;]){0,60}?"
_TELL = (
    r"(?:mention|state|say|specify|contain|provide|include|give|offer|tell|answer|reveal|indicate|address|discuss|have"
    r"|know|cover|list|name|identify|describe|explain|show|refer|support|suggest|clarify|make clear|talk|speak)"
)
_ON_TOPIC = r"(?:relevant|related|about|helpful|clear|specific|sufficient|enough|suitable|explicitly|directly)"
_TOLD = r"(?:mentioned|stated|specified|provided|indicated|disclosed|answered|addressed)"
_TO_BE_HAD = r"(?:given|known|available|found|clear|named|listed|present|included|contained|described|there)"
_ASKED = r"(?:answers?|information|questions?|names?|dates?|years?|places?|authors?|details?|identity|location)"

_REFUSALS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # the speaker does not know
        rf"{_SPEAKER}[^.?!,;]{{0,20}}?\b{_NOT}(?: \w+){{0,3}}? (?:know|answer|tell|say|determine|sure|certain|able|find"
        r"|have|provide|recall|remember|confirm|aware|help|assist|familiar|see|identify|give)\b",
        rf"{_SPEAKER}[^.?!,;]{{0,12}}? (?:unsure|uncertain|unable|unaware|unfamiliar)\b",
        rf"{_SPEAKER} (?:lack|(?:would )?(?:need|require) more|(?:am )?having trouble|have (?:no|insufficient)"
        r" (?:idea|clue|information|knowledge|answer|data|way|details?|records?|context|access))\b",
        r"\b(?:beyond|outside)(?: of)? (?:my|our) (?:\w+ )?knowledge\b",
        r"\b(?:it is|it remains|it would be|is) (?:hard|difficult|impossible|not possible)"
        r" to (?:say|tell|know|determine|answer|identify)\b",
        rf"^(?:sorry|unanswerable|n/a|no (?:idea|clue)|(?:do not|not) know|unknown|unclear|not (?:sure|certain)){_END}",
        r"^(?:do not know|no (?:idea|clue)|unable to|can not|could not|impossible to|not possible to|not able to)"
        rf" (?:{_WH}|answer|determine|say|tell|know|find|be (?:answered|determined))\b",
        # the passages do not say
        rf"{_SHOWN}{_ON}\b{_NOT}(?:(?: \w+){{0,3}}? (?:{_TELL}|{_ON_TOPIC})\b|{_END})",
        rf"{_SHOWN}.{{0,150}}?\b(?:but|and|yet|it|they) (?:also )?(?:do|does|did) not(?: \w+)? {_TELL}\b",
        rf"{_SHOWN}{_ON}\b(?:lacks?|omits?|fails? to {_TELL}|(?:is|are) silent|says? nothing|nothing to do with)\b",
        rf"{_SHOWN}{_ON}\b(?:mention|make|give|contain|provide|have|has|offer|include|hold)s? (?:no|nothing)\b",
        rf"\b(?:none|neither|nothing|no|not one|not any)\b(?: of| in)?(?: the| these| those)? (?:{_KIND} )?{_TEXT}\b"
        rf"{_ON} {_TELL}(?:s|es)?\b",
        rf"\b(?:nothing|nowhere|not) in (?:the|these|this|any of the) (?:{_KIND} )?{_TEXT}\b(?! of\b)",
        rf"\b(?:it|this|that) (?:does|did) not {_TELL}(?: \w+)? {_IN_SHOWN}",
        # the answer is not given
        rf"\bnot(?: \w+){{0,2}}? (?:{_TOLD}|{_TO_BE_HAD})(?: \w+)? {_IN_SHOWN}",
        rf"\b(?:is|are|was|were) not(?: \w+ly)? {_TOLD}(?: here| anywhere)?(?:{_END}| (?:{_WH}|that)\b)",
        rf"\b{_ASKED}\b[^.?!,;]{{0,40}}\b(?:is|are|was|were) not(?: \w+ly)? {_TO_BE_HAD}(?: here)?(?:{_END}| {_WH}\b)",
        rf"^(?:{_ASKED} |none )?(?:not|un)(?: \w+ly)? ?(?:{_TOLD}|{_TO_BE_HAD}){_END}",
        rf"\bit is (?:un|not )(?:known|clear|certain)(?:{_END}| (?:{_WH}|from)\b)",
        rf"\b(?:is|are|remains?) (?:still |currently )?un(?:known|clear)(?:{_END}| (?:{_WH}|{_IN_SHOWN})\b)",
        rf"\b(?:{_ASKED}|it|this|that)\b[^.?!,;]{{0,40}}\b(?:can|could) not be"
        r" (?:answered|determined|inferred|deduced|ascertained|known)\b(?! (?:until|before|at)\b)",
        r"\b(?:answer|information)\b[^.?!,;]{0,30}\b(?:can|could) not be (?:found|given|provided|located)\b",
        r"\b(?:no|not enough|insufficient|not sufficient|lack of)(?: \w+)? (?:information|details?|context|data)"
        rf"(?:{_END}| (?:about|on|regarding|concerning|to (?:answer|say|tell|know|determine)|{_WH}|{_IN_SHOWN}"
        r"|(?:(?:is|are|was|were) )?(?:given|provided|available|found))\b)",
        r"\bmore (?:\w+ )?(?:information|details?|context) (?:is|are|would be) (?:needed|required|necessary)\b",
        r"(?:^|\bthere (?:is|are) |\bfind )(?:no|not any|any) (?:\w+ )?(?:mention|answer|indication|reference)"
        rf"(?:{_END}| (?:of|to|about|given|found|available|that|{_WH}|{_IN_SHOWN})\b)",
    )
]

_GUESS = (
    r"(?:i (?:do )?(?:think|believe|guess|suspect|would (?:say|guess))|my (?:best )?guess"
    r"|(?:most )?likely|probably|perhaps|maybe|possibly|presumably|(?:it|this|that) (?:was|is) (?:probably|likely)"
    r"|the (?:\w+ )?answer (?:is|was|may be|might be|would be))\b"
)
_IT_IS = r"(?:it|he|she|they) (?:was|were|is|may|might|must)\b(?! (?:also|only|about|important|worth|possible))"
_NAME = r"(?:in |on |at |around |about |by )?(?:\d|(?!(?:I|It|The|They|This|That|There|We|You|As|If|No|Not)\b)[A-Z])"
_CONTRAST = r"\b(?:but|however|though|although|still|yet)\b,? "
_COMMITS = [
    re.compile(pattern)
    for pattern in (
        rf"(?i:^(?:{_GUESS}|{_IT_IS}))",
        rf"(?i:[.!?]\s+{_GUESS})",
        rf"(?i:{_CONTRAST})(?:(?i:{_GUESS}|{_IT_IS})|{_NAME})",
        r"^(?!(?i:sorry|unfortunately|no|yes|thank|good|great)\b)[\w .'-]{1,40}(?=, (?:but|though|although) I am not"
        r" (?:\w+ )?(?:sure|certain))",
    )
]
_CLAUSE_END = re.compile(r"[.?!](?!\d)|\b(?:but|however|though|although)\b")
_NOTHING_SAID = re.compile(r"(?i)\b(?:not|no|un(?:known|clear|able|certain)|impossible|difficult|hard|question)\b")


def is_refusal(text: str) -> bool:
    """True if `text` declines to answer, in whatever words.

    Args:
        text: a model's reply, English.

    Example:
        >>> is_refusal("I'm sorry, the passages don't say who built it.")
        True
        >>> is_refusal("I'm not certain, but it was 1912.")
        False
        >>> is_refusal('It is the song "I Don\\'t Know" by Paul McCartney.')
        False
    """
    text = _own_words(text)
    return any(pattern.search(text) for pattern in _REFUSALS) and not _commits(text)


def _own_words(text: str) -> str:
    """The reply without quotes and titles, unless it consists of nothing else; contractions spelt out."""
    text = " ".join(text.replace("’", "'").replace("‘", "'").split())
    for named in (_QUOTED, _TITLE):
        rest = named.sub(" ", text)
        text = rest if re.search(r"\w", rest) else text.strip("\"“”«»' ")
    for pattern, full in _SPELL_OUT:
        text = pattern.sub(full, text)
    return " ".join(text.split())


def _commits(text: str) -> bool:
    """True if some clause puts an answer forward, however hedged, and does not take it back itself."""
    for pattern in _COMMITS:
        for found in pattern.finditer(text):
            end = _CLAUSE_END.search(text, found.end())
            if not _NOTHING_SAID.search(text[found.start() : end.start() if end else len(text)]):
                return True
    return False
