"""The same question in other forms and the same passage cut short, by rules alone: nothing is asked, nothing is drawn.

A retriever should find the same passages for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.scoring.answers.passages import holds_answer

_IN_PLACE = {"who": "someone", "whom": "someone", "whose": "someone's", "what": "something", "which": "some"}
"""Question words that a statement has a word for where they stand."""

_AT_THE_END = {"when": "at some time", "where": "somewhere", "why": "for some reason", "how": "somehow"}
"""Question words whose place in a statement is the end."""

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
    """The question as a statement, without its stop words, and with its subject first, by these names.

    A form that is empty, the question itself, or the same as another one is left out.

    Args:
        question: in English; of other languages little changes but the question mark.

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
    """The question word replaced by an indefinite one, about where a statement has it."""
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
    """The longest run of names, or else the last run of words that are not stop words, before all others."""
    start, end = _run([i > 0 and word[:1].isupper() for i, word in enumerate(words)], longest=True)
    if start == end:
        start, end = _run([bool(_content([word])) for word in words], longest=False)
    rest = [*words[:start], *words[end:]]
    return f"{' '.join(words[start:end])}: {' '.join(rest)}" if start < end and rest else ""


def _run(marks: Sequence[bool], longest: bool) -> tuple[int, int]:
    """The borders of the longest run of marks, or of the last one; (0, 0) where there is none."""
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
    """Half of a passage's text: the half that states an accepted answer where one alone does, else the first.

    Args:
        passage: with at least two words; a shorter one stays whole.
        question: with its accepted answers.

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
