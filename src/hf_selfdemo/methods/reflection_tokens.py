"""The reflection tokens of Self-RAG, and what their probabilities say of a reply.

The names are the paper's. Its token for going on with the same passage is left out: a reply here is one segment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from hf_selfdemo.core.types import Passage, Reply, Segment, Signals

RETRIEVAL, NO_RETRIEVAL = "[Retrieval]", "[No Retrieval]"
RELEVANT, IRRELEVANT = "[Relevant]", "[Irrelevant]"
SUPPORTED, PARTIALLY, UNSUPPORTED = "[Fully supported]", "[Partially supported]", "[No support / Contradictory]"
UTILITY = tuple(f"[Utility:{grade}]" for grade in range(1, 6))
PARAGRAPH, PARAGRAPH_END = "<paragraph>", "</paragraph>"

GATE, RELEVANCE, SUPPORT = (RETRIEVAL, NO_RETRIEVAL), (RELEVANT, IRRELEVANT), (SUPPORTED, PARTIALLY, UNSUPPORTED)
TOKENS = (*GATE, *RELEVANCE, *SUPPORT, *UTILITY, PARAGRAPH, PARAGRAPH_END)

_WORTH = {
    **{RELEVANT: 1.0, IRRELEVANT: 0.0},
    **{SUPPORTED: 1.0, PARTIALLY: 0.5, UNSUPPORTED: 0.0},
    **dict(zip(UTILITY, (-1.0, -0.5, 0.0, 0.5, 1.0), strict=True)),
}
"""What a token counts in the score of its group."""


def paragraph(passage: Passage, gate_loss: bool = False) -> tuple[Segment, ...]:
    """How a reply begins that is written from a passage.

    Args:
        passage: its title and text, which can become no token.
        gate_loss: whether the decision to retrieve is trained; the rest is given when the model is asked.
    """
    text = f"{passage.title}\n{passage.text}" if passage.title else passage.text
    return (
        Segment(RETRIEVAL, loss=gate_loss, trusted=True),
        Segment(PARAGRAPH, loss=False, trusted=True),
        Segment(text, loss=False),
        Segment(PARAGRAPH_END, loss=False, trusted=True),
    )


def share(logprobs: Sequence[float]) -> float | None:
    """The probability of the first of some tokens among them; None where nobody told.

    Example:
        >>> share([math.log(0.03), math.log(0.01)]), share([])  # doctest: +ELLIPSIS
        (0.7..., None)
    """
    return _normalised(logprobs)[0] if logprobs else None


@dataclass(frozen=True, slots=True)
class Reflections:
    """What the tokens of a reply say of it; None where one of their kind was not written.

    `relevance`: the probability that its passage is relevant, 0 to 1. `support`: by how much the passage supports it, 0
    to 1, half for partial support. `utility`: how useful it is, -1 to 1.
    """

    relevance: float | None = None
    support: float | None = None
    utility: float | None = None

    @property
    def signals(self) -> Signals:
        """Those that are known, by name."""
        found = {"relevance": self.relevance, "support": self.support, "utility": self.utility}
        return tuple((name, value) for name, value in found.items() if value is not None)


def reflections(reply: Reply) -> Reflections:
    """Read the probabilities of a reply that was written after a paragraph.

    Relevance is what the model thinks first, whatever it wrote there. Support and utility are read where a token of
    their kind was written.

    Args:
        reply: to a request whose `added` tokens are `TOKENS`.

    Example:
        >>> sure = tuple(-0.1 if token == RELEVANT else -9.0 for token in TOKENS)
        >>> round(reflections(Reply("[Relevant]Bern.", added=((0, sure),))).relevance, 4)
        0.9999
    """
    relevance = support = utility = None
    for place, logprobs in reply.added:
        told = dict(zip(TOKENS, logprobs, strict=True))
        likeliest = max(told, key=told.__getitem__)  # replies are greedy, so that this one was written
        if place == 0:
            relevance = _worth(told, RELEVANCE)
        elif likeliest in SUPPORT and support is None:
            support = _worth(told, SUPPORT)
        elif likeliest in UTILITY and utility is None:
            utility = _worth(told, UTILITY)
    return Reflections(relevance, support, utility)


def _worth(told: dict[str, float], group: Sequence[str]) -> float:
    chances = _normalised([told[token] for token in group])
    return math.fsum(chance * _WORTH[token] for chance, token in zip(chances, group, strict=True))


def _normalised(logprobs: Sequence[float]) -> list[float]:
    highest = max(logprobs)
    odds = [math.exp(one - highest) for one in logprobs]
    return [one / math.fsum(odds) for one in odds]
