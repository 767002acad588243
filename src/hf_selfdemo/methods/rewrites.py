"""Other forms of a question and shorter windows of a passage, by deterministic rules without a model.

A retriever should rank passages alike for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.scoring.answers.passages import holds_answer

_IN_PLACE = {"who": "someone", "whom": "someone", "whose": "someone's", "what": "something", "which": "some"}
"""Question words with their replacement in a statement, at the same position."""

_AT_THE_END = {"when": "at some time", "where": "somewhere", "why": "for some reason", "how": "somehow"}
"""Question words with their replacement at the end of a statement."""

_AUXILIARIES, _COPULAS = frozenset({"do", "does", "did"}), frozenset({"is", "are", "was", "were"})

_STOP_WORDS = frozenset(
    re.findall(
        r"\w+",
        "a an and are as at be been by can could did do does for from had has have how in into is it its of on or s "
        "that the their there these this those to was were what when where which who whom whose why will with would",
    )
)

_WORD = re.compile(r"\S+")

FORMS = ("statement", "without stop words", "subject first")
"""The forms of a question, by name."""


def rewrites(question: str) -> dict[str, str]:
    """The forms of a question by name: as a statement, without stop words, and with its subject first.

    A form is left out if it is empty or the same as the question or another form.

    Args:
        question: a question in English. In other languages little more than the question mark changes.

    Example:
        >>> list(rewrites("Who discovered germanium in 1886?").values())
        ['Someone discovered germanium in 1886.', 'discovered germanium 1886', '1886: Who discovered germanium in']
        >>> rewrites("when did Halden Bridge open to trains")["statement"]
        'Halden Bridge open to trains at some time.'
    """
    words, found = question.strip().rstrip("?").split(), dict[str, str]()
    for name, form in zip(FORMS, (_statement(words), " ".join(_content(words)), _subject_first(words)), strict=True):
        if form and form not in (question.strip(), *found.values()):
            found[name] = form
    return found


def _statement(words: Sequence[str]) -> str:
    """The question as a statement, with an indefinite word in place of the question word."""
    first, second = (word.lower() for word in [*words, "", ""][:2])
    if first == "how" and second in ("many", "much"):
        said = ["some number of" if second == "many" else "some", *words[2:]]
    elif first in _IN_PLACE:
        said = [_IN_PLACE[first], *words[1:]]
    elif first in _AT_THE_END:
        moved = words[1:2] if second in _COPULAS else []
        said = [*words[2 if moved or second in _AUXILIARIES else 1 :], *moved, _AT_THE_END[first]]
    else:
        said = list(words)
    text = " ".join(said)
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _content(words: Sequence[str]) -> list[str]:
    return [word for word in words if word.lower().strip(",.'\"") not in _STOP_WORDS]


def _subject_first(words: Sequence[str]) -> str:
    """The question with its subject first: the longest run of names, or else the last run of content words."""
    start, end = _run([i > 0 and word[:1].isupper() for i, word in enumerate(words)], longest=True)
    if start == end:
        start, end = _run([bool(_content([word])) for word in words], longest=False)
    rest = [*words[:start], *words[end:]]
    return f"{' '.join(words[start:end])}: {' '.join(rest)}" if start < end and rest else ""


def _run(marks: Sequence[bool], longest: bool) -> tuple[int, int]:
    """The start and end of the longest run of marks, or of the last one; (0, 0) if there is none."""
    found, start = (0, 0), None
    for place, mark in enumerate([*marks, False]):
        if mark and start is None:
            start = place
        elif not mark and start is not None:
            if not longest or place - start > found[1] - found[0]:
                found = (start, place)
            start = None
    return found


def half_window(passage: Passage, question: Question) -> str:
    """Half of a passage's text: the second half if only it states an accepted answer, otherwise the first.

    Args:
        passage: the passage; one with fewer than two words stays whole.
        question: the question with its accepted answers.

    Example:
        >>> asked = Question("1", "Who discovered it?", ("Winkler",))
        >>> half_window(Passage("p", "It is a metal. Winkler discovered it."), asked)
        'Winkler discovered it.'
    """
    starts = [match.start() for match in _WORD.finditer(passage.text)]
    if len(starts) < 2:
        return passage.text
    border = starts[(len(starts) + 1) // 2]
    first, second = passage.text[:border].rstrip(), passage.text[border:]
    held = [holds_answer(Passage("", half), question.answers, question.text) for half in (first, second)]
    return second if held == [False, True] else first
