"""How models decline: the wordings they use, counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.scoring.refusal import refusal_phrase

_FIRST_WORDS = 6
_LONGEST = 80
"""Characters of a wording that are shown."""


def phrasings(predictions: Sequence[Prediction]) -> Counter[str]:
    """How often each wording declines.

    Case and spacing do not count. An abstention in which no known phrase is found, as a judging model may see one,
    counts by its first words.

    Args:
        predictions: of one model in one mode; only abstentions are looked at.

    Example:
        >>> said = ["I don't know.", "I don't know!", "Paris"]
        >>> labels = ["abstain", "abstain", "correct"]
        >>> rows = [Prediction(str(i), "rag", t, l, True, True) for i, (t, l) in enumerate(zip(said, labels))]
        >>> phrasings(rows).total()
        2
    """
    return Counter(_phrase(p.text) for p in predictions if p.label == "abstain")


def _phrase(text: str) -> str:
    words = (refusal_phrase(text) or " ".join(text.split()[:_FIRST_WORDS])).lower().replace("’", "'").split()
    return shown(" ".join(words).strip(' .,;:!?"')[:_LONGEST]) or "(no words)"
