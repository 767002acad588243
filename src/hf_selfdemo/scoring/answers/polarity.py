"""Whether a reply says yes or no to a yes/no question."""

from __future__ import annotations

import re
from functools import lru_cache

from hf_selfdemo.scoring.answers.claims import negates
from hf_selfdemo.scoring.answers.tables.rows import each
from hf_selfdemo.scoring.answers.tables.weights import STOPWORDS
from hf_selfdemo.scoring.answers.words import root, words

_YES = r"yes|yeah|yep|yup|indeed|absolutely|certainly|definitely|sí|sì|oui|ja|да|はい|是的|是|对|sim|tak|evet|네"
_NO = r"no|nope|nah|not (?:at all|really|exactly|quite)|never|non|nein|нет|いいえ|不是|不|nee|não|nie|hayır|아니요"
_JUDGED = {"true": True, "correct": True, "right": True, "false": False, "incorrect": False, "wrong": False}
_JUDGED |= {"untrue": False, "a myth": False}
_WORD = "|".join(_JUDGED)
_START = r"\W*(?:(?:short |final )?answer\s*[:：]\s*\W*|well,? |so,? |sorry,? )?"
_LEADS = re.compile(
    rf"{_START}(?:(?P<yes>{_YES})|(?P<no>{_NO})|(?P<word>{_WORD})(?=\W*(?:[.,;:!]|$|\s[-–—])))(?!\w)", re.IGNORECASE
)
_BOTH = re.compile(rf"{_START}yes and no\b", re.IGNORECASE)
_CONCLUDES = re.compile(
    rf"\banswer (?:is|would be|was)\W+(?:(?P<yes>yes)|(?P<no>no)|(?P<word>{_WORD}))\b"
    rf"|\b(?:that|this|it|statement|claim|assertion)(?: is|['’]s| was) (?P<not>not )?(?:indeed )?(?P<said>{_WORD})\b",
    re.IGNORECASE,
)
_NO_DOUBT = re.compile(r"\b(?:there is |there['’]s )?(?:no|without(?: a| any)?) (?:doubt|question)\b", re.IGNORECASE)
_NEGATIVE = re.compile(
    r"\b(?:no|none|nobody|nothing|without|unable|impossible|lacks?|fails?|failed|refused)\b", re.IGNORECASE
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_POLAR_QUESTION = re.compile(
    r"\W*(?:(?:is|are|am|was|were|do|does|did|has|have|had|can|could|will|would|should|shall|may|might|must)(?:n['’]t)?\b"
    r"|true or false)",
    re.IGNORECASE,
)
_ADVERBS = each("typically generally usually normally mostly probably basically essentially")
_VERBS = each("is are was were do does did has have had can could will would should may might must")
_OPPOSED = each("un in il im ir non dis")


@lru_cache(maxsize=1 << 10)
def polar(answer: str, question: str = "") -> bool | None:
    """Whether a gold answer is a yes (True) or a no (False); None if it is neither or the question is not yes/no.

    Example:
        >>> polar("No", "Is the Earth flat?"), polar("True"), polar("True", "Which song is it?")
        (False, True, None)
    """
    if question and not _POLAR_QUESTION.match(question):
        return None
    keys = [key for key in words(answer).keys if key[0].isalnum() and key not in _ADVERBS]
    alone = len(keys) == 1
    if not keys or not (alone or question):
        return None
    found = _LEADS.match(" ".join(keys) if alone else answer)
    apart = found and (alone or answer[found.end() :].lstrip()[:1] in (",", ".", ";", "!", ":"))
    return _said(found) if found and apart else None


def polarity(text: str, question: str = "") -> bool | None:
    """Whether a reply says yes (True) or no (False), by its first words or by a statement; None if it says neither.

    A negated statement with a word of the question says no. An affirmative one says yes if it has the question's last
    word. Stop words do not count.

    Args:
        text: the reply.
        question: the question.

    Example:
        >>> polarity("The Earth is not flat.", "Is the Earth flat?"), polarity("Yes, it was finished in 1932.")
        (False, True)
        >>> polarity("Mars is red.", "Is the Earth flat?") is None
        True
    """
    if _BOTH.match(text):
        return None
    text = _NO_DOUBT.sub("", text)
    found = _LEADS.match(text) or _CONCLUDES.search(text)
    if found:
        return _said(found)
    asked = [key for key in words(question).keys if key[0] == "#" or (key[0].isalnum() and key not in STOPWORDS)]
    for sentence in _SENTENCE.split(text):
        said = _stated(sentence, asked)
        if said is not None:
            return said
    return None


def _said(found: re.Match[str]) -> bool:
    groups = found.groupdict()
    word = groups.get("word") or groups.get("said")
    if word:
        return _JUDGED[word.casefold()] is not bool(groups.get("not"))
    return bool(groups["yes"])


def _stated(sentence: str, asked: list[str]) -> bool | None:
    """Whether one statement says yes or no to a question whose words, without stop words, are `asked`."""
    keys = [key for key in words(sentence).keys if key[0] == "#" or key[0].isalnum()]
    roots = {root(key) for key in keys}
    negative = negates(sentence) or bool(_NEGATIVE.search(sentence))
    if any(key == prefix + word for key in keys for word in asked for prefix in _OPPOSED):
        return negative
    about = set(map(root, asked))
    repeats = not _VERBS.isdisjoint(keys) and all(key in STOPWORDS or root(key) in about for key in keys)  # "It is."
    if negative and (repeats or not asked or roots & about):
        return False
    return True if not negative and asked and (repeats or root(asked[-1]) in roots) else None
