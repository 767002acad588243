"""Does every number and name of a reply stand in the passages?"""

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
"""So many words are named in a message."""


@dataclass(frozen=True)
class Grounded:
    """Wants every number and every name of a reply in a passage shown, or in the question.

    Numbers are compared by value, names by their words, whatever their case, accents and plural. A name is a
    capitalised word; the first word of a sentence counts only where no word in lower case follows, since any word has a
    capital there. Citations are cut first. The score is the share of numbers and names that stand there. A reply that
    declines satisfies.

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
    """Numbers and names of a text, as they stand and in canonical form."""
    found = words(text)
    pairs = list(zip(found.raw, found.keys, strict=True))
    for place, (raw, key) in enumerate(pairs):
        first = place == 0 or pairs[place - 1][1] == BREAK
        before_lower = place + 1 < len(pairs) and pairs[place + 1][0][:1].islower()
        is_name = raw[:1].isupper() and key not in STOPWORDS and not (first and before_lower)
        if key.startswith("#") or is_name:
            yield raw, key
