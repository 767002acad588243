"""A critic that checks that the passages contain every number and name of a reply."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from hf_selfdemo.core.types import Critique, Evidence
from hf_selfdemo.methods.critics.cites import without_citations
from hf_selfdemo.prompting.prompts import fill
from hf_selfdemo.scoring.answers.tables.weights import STOPWORDS
from hf_selfdemo.scoring.answers.tokens import BREAK
from hf_selfdemo.scoring.answers.words import root, words
from hf_selfdemo.scoring.refusal import is_refusal

_NAMED = 3
"""Maximum number of words that a message names."""


@dataclass(frozen=True)
class Grounded:
    """Checks that a shown passage or the question contains every number and every name of a reply.

    Numbers are compared by value; names are compared by their words, ignoring case, accents and plural. A name is a
    capitalised word. The first word of a sentence is always capitalised, so it counts only if the next word is not in
    lower case. Citations are removed first. The score is the share of numbers and names that are found. An abstention
    satisfies this critic.

    Example:
        >>> from hf_selfdemo.core.types import Passage, Question
        >>> row = Evidence(Question("1", "Who found it?"), (Passage("a", "Clemens Winkler did, in 1886."),))
        >>> Grounded().critique(row, "It was Winkler, in 1886 [1].").score
        1.0
        >>> Grounded().critique(row, "It was Marie Curie, in 1886.").message
        'The passages do not mention Marie, Curie. Say only what they say.'
    """

    needs_gold: ClassVar[bool] = False

    def critique(self, evidence: Evidence, text: str) -> Critique:
        plain = without_citations(text)
        if is_refusal(plain, evidence.question.text):
            return Critique(1.0)
        stated = list(_stated(plain))
        shown = [part for passage in evidence.passages for part in (passage.title, passage.text)]
        there = {root(key) for part in (*shown, evidence.question.text) for key in words(part).keys}
        strange = list(dict.fromkeys(raw for raw, key in stated if root(key) not in there))
        if not strange:
            return Critique(1.0)
        found = sum(root(key) in there for _, key in stated)
        return Critique(found / len(stated), fill("corgi/grounded", strange=strange[:_NAMED]))


def _stated(text: str) -> Iterator[tuple[str, str]]:
    """The numbers and names of a text, each in its original and its canonical form."""
    found = words(text)
    pairs = list(zip(found.raw, found.keys, strict=True))
    for place, (raw, key) in enumerate(pairs):
        first = place == 0 or pairs[place - 1][1] == BREAK
        before_lower = place + 1 < len(pairs) and pairs[place + 1][0][:1].islower()
        is_name = raw[:1].isupper() and key not in STOPWORDS and not (first and before_lower)
        if key.startswith("#") or is_name:
            yield raw, key
