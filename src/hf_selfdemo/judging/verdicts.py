"""Reads a verdict from a judging model's reply.

Reading is lenient about form and strict about content. Bold type, brackets or a sentence around the verdict do not
matter. A reply that could mean two things is not read, because a guess would count as a verdict.
"""

from __future__ import annotations

import re

from hf_selfdemo.core.types import Label

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")
_NTH = "|".join(_ORDINALS)
_NOUN = r"(?:reply|prediction|response|candidate|answer|option|choice)"
_NUMBER = r"(?<![\w.,/-])([0-9]{1,6})(?![\w/]|[.,-][0-9])"  # a whole number by itself: not "2.5", "1-2" or "1/3"
_BEST = re.compile(
    rf"(?<!second )(?<!third )(?<!next )\bbest(?: one)?(?: {_NOUN})?(?: is| would be)?(?: -)?(?: {_NOUN})?"
    rf"(?: number| no\.)? {_NUMBER}(?P<or>,? (?:or|and) (?:{_NOUN} )?[0-9]|, [0-9])?"
    rf"|(?P<and>[0-9],? (?:or|and) (?:{_NOUN} )?)?{_NUMBER} is (?:clearly )?(?:the )?best\b"
)
_LEADING = re.compile(
    rf"[\W_]*(?:{_NOUN}\W{{1,3}})?(?<![\w.,/-])([0-9]{{1,6}})[*_`\"']*(?:[.):\],;!\n](?![0-9])|\s+-\s|$)"
)
_NAMED = re.compile(rf"\b(?:{_NOUN}(?: is)?|choose|pick|select) {_NUMBER}")
_DENIES = re.compile(r"\b(?:not|no|none|never|neither|nor|wrong|incorrect|worse|worst|except|unlike|without)\b")

_STATED = re.compile(r"\b(?:label|verdict|grade)(?: is|(?: ?:)+)[ .:]*")
_DECLINES = r"(?:refus(?:e|es|ed|al|als|ing)|declin(?:e|es|ed|ing)|abstain(?:s|ed|ing)?|abstention)"
_NOT = r"(?:not|no|never|neither|nor|nothing|hardly|without)"
_WORDS = re.compile(
    # the first alternative that matches counts, so that "not correct" is not read as "correct"
    r"\b(?:(?P<abstain>not attempted|unattempted|no attempt)"
    rf"|(?P<nothing>{_NOT} (?:\w+ ){{0,2}}?{_DECLINES})"
    r"|(?P<incorrect>not (?:a |an |the |at all |fully |entirely |completely |quite |really )?correct)"
    rf"|(?P<unclear>{_NOT} (?:\w+ ){{0,3}}?(?:correct|incorrect|wrong)"
    r"|(?:partly|partially|half|mostly|almost|nearly) correct|correct (?:answer|reply|response|one)s?)"
    rf"|(?P<abstain_2>{_DECLINES})|(?P<incorrect_2>incorrect|wrong)|(?P<correct>correct))\b"
)


def read_choice(text: str, count: int, whole: bool = True) -> int | None:
    """The index of the one among `count` numbered replies that a judge picks.

    If there is a "best: N" (or "reply N is best"), the last one counts, whatever else is mentioned. Otherwise a number
    at the beginning of the text counts, or the only reply that the text names, unless it contains a negative word.

    Args:
        text: the judge's reply.
        count: number of replies to choose from.
        whole: False for a truncated text. Its end is unknown, so only "best: N" counts.

    Returns:
        The index of the choice, from 0; None if there is no choice, several, or one out of range.

    Example:
        >>> read_choice("Reply 1 names the wrong man. **Best:** Prediction 2", 3)
        1
        >>> read_choice("1 or 2", 3) is None
        True
    """
    plain = _plain_choice(text)
    stated = list(_BEST.finditer(plain))
    if stated:
        last = stated[-1]
        number = 0 if last["or"] or last["and"] else int(last[1] or last[4])
    else:
        number = (_leading(text, count) or _only_named(plain, count)) if whole else 0
    return number - 1 if 1 <= number <= count else None


def _plain_choice(text: str) -> str:
    """The text in lower case without formatting; "#2" and "the second reply" become "reply 2"."""
    sentences = re.sub(r"(?<=\w)[ \t]*\n", ". ", _spelt_out(text).replace("&", " and "))
    plain = re.sub(r"[^\w.,;!?/#-]+|_+", " ", sentences)
    plain = re.sub(rf"(?:\b{_NOUN} )?#(?=[0-9])", "reply ", plain).replace("#", " ")
    plain = re.sub(
        rf"\b(?:the )?({_NTH}) (reply|prediction|response|candidate)\b",
        lambda found: f"{found[2]} {_ORDINALS.index(found[1]) + 1}",
        plain,
    )
    return " ".join(plain.split())


def _leading(text: str, count: int) -> int:
    """The number at the beginning of the text, if no number from 1 to `count` follows; else 0."""
    text = _spelt_out(text).strip()
    nth = re.fullmatch(rf"(?:the )?({_NTH})(?: one)?[.!]?", text)
    if nth:
        return _ORDINALS.index(nth[1]) + 1
    begins = _LEADING.match(text)
    if not begins or _numbers(_plain_choice(text[begins.end(1) :]), count):
        return 0
    return int(begins[1])


def _only_named(plain: str, count: int) -> int:
    """The number of the only named reply, if there is no negative word and no other number up to `count`; else 0."""
    named = {int(number) for number in _NAMED.findall(plain)}
    if not named or _DENIES.search(plain):
        return 0
    named |= _numbers(plain, count)
    return named.pop() if len(named) == 1 else 0


def _numbers(plain: str, count: int) -> set[int]:
    return {number for number in map(int, re.findall(_NUMBER, plain)) if 1 <= number <= count}


def read_label(text: str, whole: bool = True) -> Label | None:
    """The label that a judge gives. Single letters are not read, because every grading scheme has its own.

    If there is a "label: ...", the last one counts. Otherwise all label words of the text count, and they must agree.

    Args:
        text: the judge's reply.
        whole: False for a truncated text; then only "label: ..." counts.

    Returns:
        The label; None if the text names none, several, or one with a reservation ("partly correct").

    Example:
        >>> read_label("NOT_ATTEMPTED"), read_label("That is not correct."), read_label("correct or incorrect")
        ('abstain', 'incorrect', None)
    """
    plain = re.sub(r"[^\w.:]+|_+", " ", re.sub(r"[.!?;\n]+", " . ", _spelt_out(text)))
    stated = [said for part in _STATED.split(plain)[1:] if (said := _labels(part.partition(".")[0]))]
    found = stated[-1] if stated else _labels(plain) if whole else set()
    labels: dict[str, Label] = {"correct": "correct", "incorrect": "incorrect", "abstain": "abstain"}
    return labels.get(found.pop()) if len(found) == 1 else None


def _labels(plain: str) -> set[str]:
    kinds = {(found.lastgroup or "").removesuffix("_2") for found in _WORDS.finditer(plain)}
    return kinds - {"nothing"}


def _spelt_out(text: str) -> str:
    return text.lower().replace("’", "'").replace("n't", " not").replace("cannot", "can not").replace("—", " - ")
