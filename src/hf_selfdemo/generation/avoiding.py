"""Keeps a reply from beginning with given texts, the openings.

If only the last token of an opening were forbidden, the model would be stuck in the middle of it: after "I don't" it
writes another refusal. So each token of an opening loses the part of its probability that leads to the end of an
opening. The other replies keep their probabilities relative to each other, and a greedy reply takes the most likely
token under these. An opening written in other tokens, capitals or blanks is detected in the text, and its last token is
rejected.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hf_selfdemo.generation.beginnings import begins_with


@dataclass(frozen=True)
class Avoided:
    """The openings that one reply must not begin with.

    Args:
        texts: the openings.
        tokens: the token ids of each opening, encoded like a training target.
        logprobs: the log-probability of each token after the prompt and the tokens before it.
    """

    texts: Sequence[str]
    tokens: Sequence[Sequence[int]]
    logprobs: Sequence[Sequence[float]]

    def steer(self, logits: torch.Tensor, written: Sequence[int]) -> torch.Tensor:
        """The logits of the next token without the probability that leads to an opening.

        Args:
            logits: shape (vocabulary,).
            written: the token ids of the reply so far.
        """
        step, lost = len(written), dict[int, float]()
        for tokens, logprobs in zip(self.tokens, self.logprobs, strict=True):
            if len(tokens) > step and list(tokens[:step]) == list(written) and not self._longer(tokens):
                lost[tokens[step]] = lost.get(tokens[step], 0.0) + math.exp(math.fsum(logprobs[step + 1 :]))
        if not lost:
            return logits
        steered = logits.clone()
        for token, share in lost.items():
            steered[token] += math.log1p(-share) if share < 1 else float("-inf")
        return steered

    def refuses(self, text: str) -> bool:
        """Whether a reply begins with one of the openings, whatever its tokens are."""
        return any(begins_with(text, opening) for opening in self.texts)

    def _longer(self, tokens: Sequence[int]) -> bool:
        """Whether a shorter opening is the beginning of this one. Then the shorter one covers it."""
        return any(len(o) < len(tokens) and list(tokens[: len(o)]) == list(o) for o in self.tokens)
