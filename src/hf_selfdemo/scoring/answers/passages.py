"""Whether a passage contains a gold answer, by the same rules that judge replies."""

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
    """True if the title or text of a passage states a gold answer, verbatim or in other words.

    This function alone decides whether an answer is in context, which passages a twin loses, what recall counts and
    what a report marks. It finds every answer that `answers_match` would accept if a reply quoted the title, one
    sentence or the whole passage. An answer that the passage denies or leaves open also counts (e.g. "it is not known,
    but it may be X"), as a model can copy it.

    Args:
        passage: the passage to search.
        answers: the gold answers.
        question: the question, exactly as it is given to `answers_match`.

    Example:
        >>> passage = Passage("1", "People remember December 25, 2001, when it opened.", title="Halden Bridge")
        >>> holds_answer(passage, ["25 December 2001"], "When did the bridge open?")
        True
    """
    return _holds(passage.title, passage.text, tuple(answers), question)


@by_digest(1 << 15)  # in-context flags, twins and recall at every depth ask about the same passages
def _holds(title: str, text: str, answers: tuple[str, ...], question: str) -> bool:
    whole = f"{title}\n{text}"
    if contains_answer(whole, answers):  # cheap, and decides most cases
        return True
    plain = chain.from_iterable(plain_answers(answer, question) for answer in answers)
    wanted = [one for one in (expected(answer, question) for answer in plain) if one.row != " "]
    return any(states(part, one, question) for part in _parts(whole) for one in wanted)


def _parts(text: str) -> Iterator[Reading]:
    """Yield the text and each sentence; if it denies something, the same again for the text without its denials."""
    for said in (text, asserted(text)) if denies(text) else (text,):
        whole = read(said)
        yield whole
        yield from whole.apart()
