"""Does a reply decline to answer?

Phrase lists call helpful answers refusals, so every pattern is tied to the act of not knowing, and a reply that
goes on to commit itself ("I'm not certain, but it was 1912") is an answer. Quotes and titles are taken out first:
"No One Knows" is a song, not an abstention.
"""

from __future__ import annotations

import re

_QUOTED = re.compile(r"[\"“”«][^\"“”»]{1,80}[\"“”»]")
_NOT = r"(?:do(?:es)? not|don't|doesn't|did not|didn't|can not|cannot|can't|could not|couldn't|am not|are not|aren't|is not|isn't|was not|wasn't|were not|weren't|have not|haven't|has not|hasn't|never|no longer)"
_SOURCE = r"(?:passages?|texts?|contexts?|documents?|sources?|information|excerpts?|paragraphs?|article|materials?|data|content|evidence)"
_TELL = r"(?:mention|state|say|specify|contain|provide|include|give|offer|tell|answer|reveal|indicate|address|discuss|have|know|cover|list|name|identify|describe|explicitly|directly|actually|clearly)"
_TOLD = r"(?:mentioned|stated|specified|provided|given|available|found|known|included|listed|discussed|answered|determined|clear|present|described|indicated|explicitly|directly|possible to)"

_REFUSALS = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        # the speaker does not know or cannot answer
        rf"\b(?:i|we)\b[^.?!]{{0,25}}\b{_NOT}\b[^.?!]{{0,25}}\b(?:know|answer|tell|say|determine|sure|certain|able|find|have|provide|recall|confirm|aware|help|familiar|see|identify|give)\b",
        r"\b(?:i'm|i am|we're|we are)\b[^.?!]{0,15}\b(?:unsure|uncertain|unable|not sure|not certain|not able|not aware|unaware|not familiar|afraid|sorry)\b",
        r"\b(?:i|we) (?:lack|have no|haven't any|have insufficient)\b",
        r"\b(?:unable|impossible|not possible|not able) to (?:answer|determine|say|tell|know|find|identify|provide)\b",
        r"^(?:sorry|apologies|unfortunately|unknown|unanswerable|no answer|not known|n/a|no idea|cannot answer|can't say)\b",
        r"\b(?:question|it|this|that|answer) (?:cannot|can't|can not|could not) be (?:answered|determined|found|known|identified)\b",
        r"\bno idea\b|\bbeyond my knowledge\b|\bdon't know\b|\bdo not know\b",
        # the passages do not say
        rf"\b{_SOURCE}\b[^.?!]{{0,40}}\b{_NOT}\b[^.?!]{{0,20}}\b(?:{_TELL}|{_TOLD})\b",
        rf"\b(?:answer|information|question|it|this|that|which|name|date|year|detail|details)\b[^.?!]{{0,40}}\b(?:is|are|was|were)(?: not|n't)\b[^.?!]{{0,20}}\b{_TOLD}\b",
        rf"\b(?:no|none of the|neither of the|neither|nothing in the|not enough|insufficient|lack of|lacks?)\b[^.?!]{{0,20}}\b{_SOURCE}\b",
        rf"\bnot (?:mentioned|stated|specified|provided|given|found|answered|included) (?:in|by|among) (?:the|these|this|any|either)\b",
        r"\bthere (?:is|are) (?:no|not any|not enough|insufficient) (?:mention|information|answer|evidence|passage|indication|data|detail)",
    )
]
_COMMITS = re.compile(
    r"\b(?:but|however|though|although)\b[^.?!]{0,40}\b(?:it was|it is|it's|he was|she was|i (?:think|believe|would say|guess)|my (?:best )?guess|probably|likely|most likely|the answer is)\b",
    re.IGNORECASE,
)
_STILL_NOT = re.compile(rf"\b{_NOT}\b", re.IGNORECASE)


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
    text = _QUOTED.sub(" ", text.replace("’", "'")).strip()
    if not any(pattern.search(text) for pattern in _REFUSALS):
        return False
    commitment = _COMMITS.search(text)
    return not (commitment and not _STILL_NOT.search(text[commitment.start() :]))
