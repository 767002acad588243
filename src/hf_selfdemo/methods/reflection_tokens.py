"""The reflection tokens of Self-RAG, and the scores of a reply from their probabilities.

The names are the paper's. Its token for continuing with the same passage is left out, because a reply here is a single
segment.
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
"""The value of each token in the score of its group."""


def paragraph(passage: Passage, gate_loss: bool = False) -> tuple[Segment, ...]:
    """The segments that begin a reply from a passage.

    Args:
        passage: the passage; its title and text cannot become control tokens.
        gate_loss: whether the token for the decision to retrieve has a loss; the other segments never have.
    """
    text = f"{passage.title}\n{passage.text}" if passage.title else passage.text
    return (
        Segment(RETRIEVAL, loss=gate_loss, trusted=True),
        Segment(PARAGRAPH, loss=False, trusted=True),
        Segment(text, loss=False),
        Segment(PARAGRAPH_END, loss=False, trusted=True),
    )


def share(logprobs: Sequence[float]) -> float | None:
    """The probability of the first token among the given ones; None if there are no log-probabilities.

    Example:
        >>> share([math.log(0.03), math.log(0.01)]), share([])  # doctest: +ELLIPSIS
        (0.7..., None)
    """
    return _normalised(logprobs)[0] if logprobs else None


@dataclass(frozen=True, slots=True)
class Reflections:
    """The scores of a reply by its reflection tokens; None if the reply has no token of that kind.

    `relevance` is the probability that its passage is relevant, 0 to 1. `support` says how far the passage supports the
    reply, 0 to 1 with 0.5 for partial support. `utility` says how useful the reply is, -1 to 1.
    """

    relevance: float | None = None
    support: float | None = None
    utility: float | None = None

    @property
    def signals(self) -> Signals:
        """The scores that are known, by name."""
        found = {"relevance": self.relevance, "support": self.support, "utility": self.utility}
        return tuple((name, value) for name, value in found.items() if value is not None)


def reflections(reply: Reply) -> Reflections:
    """Compute the scores of a reply that was written after a paragraph.

    Relevance is read at the first position, whatever token was written there. Support and utility are read where a
    token of their kind was written.

    Args:
        reply: the reply to a request whose `added` tokens are `TOKENS`.

    Example:
        >>> sure = tuple(-0.1 if token == RELEVANT else -9.0 for token in TOKENS)
        >>> round(reflections(Reply("[Relevant]Bern.", added=((0, sure),))).relevance, 4)
        0.9999
    """
    relevance = support = utility = None
    for place, logprobs in reply.added:
        told = dict(zip(TOKENS, logprobs, strict=True))
        likeliest = max(told, key=told.__getitem__)  # decoding is greedy, so this token was written
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
