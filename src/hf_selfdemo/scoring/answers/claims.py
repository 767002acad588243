"""What a reply asserts: what it denies, and whether it abstains, hedges or merely guesses."""

from __future__ import annotations

import re

from hf_selfdemo.scoring.answers.abroad import denies_abroad, without_denials
from hf_selfdemo.scoring.refusal import is_refusal

_NOT = re.compile(
    r"\b(?:not|never|neither|nor|cannot|no longer|rather than|instead of|unlike|(?<!none )(?<!no )other than"
    r"|except(?: for)?|\w{2,6}n['’]t)"
    r"\b(?!\s+(?:only|just|merely|simply|sure|certain|necessarily|known|least)\b)",
    re.IGNORECASE,
)
_MARKS_OF_NOT = (
    *("not", "n't", "n’t", "never", "neither", "nor", "no longer", "ther than", "instead of", "unlike", "except"),
)
_DENIED_UP_TO = re.compile(
    r"[.;:!?\n](?:\s|$)|,?\s(?:but|until|till|unless|except|although|though|because|however|rather|before|after)\b"
    r"|,\s(?:it|he|she|they|this|that|the|which|who|where|instead|and|so|as|there|in|on|at|with)\b",
    re.IGNORECASE,
)
_WITHIN = (
    (re.compile(r"\([^()]*$"), re.compile(r"\)|[.;!?\n](?:\s|$)")),
    (re.compile(r"\s[-–—]\s[^-–—.]*$"), re.compile(r"\s[-–—]\s|[.,;!?\n](?:\s|$)")),
    (re.compile(r",\s(?:which|who|whose|that)\s[^,.;]*$"), re.compile(r",\s|[.;!?\n](?:\s|$)")),
    (
        re.compile(r"(?:^|[.!?;]\s+)(?:al)?(?:though|while|because|since|if|when)\s[^,.;]*$", re.IGNORECASE),
        re.compile(r",\s|[.;!?\n](?:\s|$)"),
    ),
)
"""Pairs of patterns: the start of an aside or subordinate clause before a denial, and the end of that clause."""

_SENTENCE_END = re.compile(r"[.;!?]\s|\n")
_AUXILIARY = "is|was|were|are|did|does|do|has|had|have|can|could|would|will"
_SUBJECT = re.compile(
    r"\s*(?!(?:it|this|that|he|she|they|there|i|we|you|as|in|on|at|if|while|although|though|but|and)\b)"
    rf"[^,;:\"“”]{{1,60}}?\s(?:(?:{_AUXILIARY})\s+(?:not|never)|(?:{_AUXILIARY})n['’]t|never)\b",
    re.IGNORECASE,
)
_WRONG_WORDS = ("wrong", "incorrect", "false", "untrue", "mistaken", "myth", "mistake")
_WRONG = f"(?:{'|'.join(_WRONG_WORDS)})"
_CALLED_WRONG = re.compile(rf"\b{_WRONG}\b")
_CALLS_WRONG = re.compile(
    r"(?:^|(?<=[.;!?\n]))(?!\s*(?:it|this|that) (?:is|was)\b)"
    rf"[^.;!?\n]*?\b(?:is|are|was|were|be|it['’]s)\s+(?:an?\s+)?{_WRONG}\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“][^\"“”]{1,80}[\"”]")
_GONE = " # "

_DISCLAIMER = re.compile(
    r"(?:hello|hi|sorry|unfortunately|as an? (?:ai|artificial|language)|i(?:['’]m| am) (?:just )?an? (?:ai|language)"
    r"|i(?:['’]m| am) sorry|i apologi[sz]e|i (?:do not|don['’]t|can(?:not|['’]t)) (?:have|access|browse))"
    r"\b[^.!?\n]*(?:[.!?\n]+|$)\s*",
    re.IGNORECASE,
)
_BUT = re.compile(r",? but,? |, however,? ", re.IGNORECASE)

_LONGEST_LIST = 100
_OR = re.compile(r"\bor\b", re.IGNORECASE)
_NO_CHOICE = re.compile(r"\([^()]*\)|\bgive or take\b.*|\bor (?:so|more|less|two|thereabouts)\b", re.IGNORECASE)
_POSSIBLY = re.compile(
    r"\s*(?:it|this|that|he|she|they|the answer) (?:could|may|might|must)"
    r"(?: (?:either|possibly|perhaps|well|also|have been|be)){1,4} ",
    re.IGNORECASE,
)
_FEWEST_GUESSES, _LONGEST_GUESS = 5, 4
_BULLET = re.compile(r"\s*(?:[-*•]|\d+[.)])\s*")
_JOINED = re.compile(r"[\n;&]|\band\b", re.IGNORECASE)
_VERB = re.compile(rf"\b(?:{_AUXILIARY}|may|might)\b", re.IGNORECASE)


def negates(text: str) -> bool:
    """Whether a text contains an English negation.

    Example:
        >>> negates("not Rome"), negates("not only Rome")
        (True, False)
    """
    low = text.lower()
    return any(mark in low for mark in _MARKS_OF_NOT) and bool(_NOT.search(text))


def denies(text: str) -> bool:
    """Whether a text negates something or calls it wrong, in English or in plain words in another language.

    Example:
        >>> denies("not Rome"), denies("Rome is wrong"), denies("Rome")
        (True, True, False)
    """
    low = text.lower()
    wrong = any(word in low for word in _WRONG_WORDS) and bool(_CALLED_WRONG.search(low))
    return wrong or negates(text) or denies_abroad(text)


def asserted(text: str) -> str:
    """The text with what it denies replaced by "#". Negations in quotation marks are left, as they may be titles.

    Example:
        >>> asserted("It was not Rome but Paris."), asserted("Ann Lee never sang it. Rome is wrong.")
        ('It was  #  but Paris.', ' # . # .')
    """
    if denies_abroad(text):
        text = without_denials(text, _GONE)
    quoted = [found.span() for found in _QUOTED.finditer(text)]
    kept, place = [], 0
    for found in _NOT.finditer(text):
        start = found.start()
        if start < place or any(low <= start < high for low, high in quoted):
            continue
        end = _end(text, place, start).search(text, found.end())
        kept += [text[place : _subject(text, place, found.end(), start)], _GONE]
        place = end.start() if end else len(text)
    return _CALLS_WRONG.sub(_GONE, "".join([*kept, text[place:]]))


def _end(text: str, place: int, start: int) -> re.Pattern[str]:
    """The pattern for the end of a denial: the end of its aside or subordinate clause, or of its main clause."""
    before = text[place:start]
    return next((end for opened, end in _WITHIN if opened.search(before)), _DENIED_UP_TO)


def _subject(text: str, place: int, end: int, start: int) -> int:
    """Index where the denied statement starts: at its subject if that opens the sentence, else at the negation word."""
    for gap in _SENTENCE_END.finditer(text, place, start):
        place = gap.end()
    return place if _SUBJECT.fullmatch(text, place, end) else start


def declines(text: str, question: str = "") -> bool:
    """Whether a reply abstains, judged without its opening disclaimers (e.g. "As an AI, ...").

    Example:
        >>> declines("As an AI, I have no access to news. It was Asuka."), declines("As an AI, I don't know.")
        (False, True)
    """
    rest = text.strip()
    while found := _DISCLAIMER.match(rest):
        if but := _BUT.search(rest, 0, found.end()):
            rest = rest[but.end() :]
            break
        rest = rest[found.end() :]
    return is_refusal(rest or text, question)


def hedges(text: str, question: str = "") -> bool:
    """Whether a reply is a bare list of alternatives, e.g. "either 1912 or 1913", "A, B, C or D".

    "It could be A, B or C" counts as hedging, too. Two names joined by "or" do not, as they may name one thing. Nor do
    full sentences, as they may give reasons.

    Example:
        >>> hedges("1912 or 1913"), hedges("Rome, Paris, London or Bonn"), hedges("naos or cella")
        (True, True, False)
    """
    if len(text) > _LONGEST_LIST or "or" not in text.lower() or not _OR.search(text) or _OR.search(question):
        return False
    text = _POSSIBLY.sub("", _NO_CHOICE.sub("", text), count=1)
    if _VERB.search(text) or not _OR.search(text):
        return False
    options = [option for option in re.split(r",|;|\n|\bor\b", text) if option.strip()]
    if any(len(option.split()) > _LONGEST_GUESS for option in options):
        return text.lower().startswith("either ")
    return len(options) > 2 or text.lower().startswith("either ") or all(re.search(r"\d", one) for one in options)


def guesses(text: str) -> bool:
    """Whether a text is a bare list of five or more names: mere guesses, unless a list is asked for.

    Example:
        >>> guesses("Paris, Lyon, Rome, Bern, Oslo, Lima"), guesses("Paris, the capital of France")
        (True, False)
    """
    if text.count("\n") >= _FEWEST_GUESSES - 1:
        text = ",".join(_BULLET.sub("", line) for line in text.splitlines() if line.strip())
    options = text.split(",")
    if len(options) < _FEWEST_GUESSES or _JOINED.search(text):
        return False
    return all(0 < len(option.split()) <= _LONGEST_GUESS for option in options)
