"""Does a passage hold an accepted answer? The rules that judge replies decide that, too."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain

from hf_selfdemo.core.digested import by_digest
from hf_selfdemo.core.types import Passage
from hf_selfdemo.scoring.answers.claims import asserted, denies
from hf_selfdemo.scoring.answers.expected import expected
from hf_selfdemo.scoring.answers.glosses import plain_answers
from hf_selfdemo.scoring.answers.match import states
from hf_selfdemo.scoring.answers.reading import Reading, read
from hf_selfdemo.scoring.match import contains_answer


def holds_answer(passage: Passage, answers: Sequence[str], question: str) -> bool:
    """True if title or text states an accepted answer, in its own words or in others.

    This one function decides what is in context, which passages a twin loses, what recall counts and what a report
    marks. It finds all that `answers_match` would accept if a reply quoted the title, a sentence or the whole passage.
    What a passage leaves open or denies counts too ("it is not known, but it may be X"), as a model can copy it.

    Args:
        passage: where to look.
        answers: the accepted answers.
        question: what was asked, as the judge of the replies is given it.

    Example:
        >>> passage = Passage("1", "People remember December 25, 2001, when it opened.", title="Halden Bridge")
        >>> holds_answer(passage, ["25 December 2001"], "When did the bridge open?")
        True
    """
    return _holds(passage.title, passage.text, tuple(answers), question)


@by_digest(1 << 15)  # the flag, the twins and recall at every depth look at the same passages
def _holds(title: str, text: str, answers: tuple[str, ...], question: str) -> bool:
    whole = f"{title}\n{text}"
    if contains_answer(whole, answers):  # soon known, and so it is mostly
        return True
    plain = chain.from_iterable(plain_answers(answer, question) for answer in answers)
    wanted = [one for one in (expected(answer, question) for answer in plain) if one.row != " "]
    return any(states(part, one, question) for part in _parts(whole) for one in wanted)


def _parts(text: str) -> Iterator[Reading]:
    """A text and each of its sentences; then the same without what it denies, which may change what the rest says."""
    for said in (text, asserted(text)) if denies(text) else (text,):
        whole = read(said)
        yield whole
        yield from whole.apart()
