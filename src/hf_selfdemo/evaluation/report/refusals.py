"""Counts of the wordings with which models abstain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.scoring.refusal import refusal_phrase

_FIRST_WORDS = 6
_LONGEST = 80
"""Maximum number of characters of a wording."""


def phrasings(predictions: Sequence[Prediction]) -> Counter[str]:
    """The number of abstentions with each wording.

    Case and spacing are ignored. An abstention without a known phrase, which a model judge may find, is counted under
    its first words.

    Args:
        predictions: predictions of one model in one mode; only abstentions are counted.

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
