"""Texts that a reply may not begin with.

To forbid the last token of an opening alone would leave a model in the middle of it: after "I don't" it writes another
refusal. So each token of an opening loses the share of its probability that goes on to the end of one. What is left are
the model's replies that begin otherwise, each as likely among them as before; a greedy reply takes the token that is
likeliest among these. What is written in other tokens than these, or in other capitals and blanks, is found in the text
itself, and its last token refused.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from hf_selfdemo.generation.beginnings import begins_with


@dataclass(frozen=True)
class Avoided:
    """What one reply may not begin with.

    Args:
        texts: the openings.
        tokens: the tokens of each, as the model would be taught to write it.
        logprobs: of each token, after the prompt and those before it.
    """

    texts: Sequence[str]
    tokens: Sequence[Sequence[int]]
    logprobs: Sequence[Sequence[float]]

    def steer(self, logits: torch.Tensor, written: Sequence[int]) -> torch.Tensor:
        """The logits of the next token, less what leads into an opening.

        Args:
            logits: shape (vocabulary,).
            written: the tokens of the reply so far.
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
        """Whether a reply begins with one of the texts, in whatever tokens it was written."""
        return any(begins_with(text, opening) for opening in self.texts)

    def _longer(self, tokens: Sequence[int]) -> bool:
        """Whether another opening is the beginning of this one, so that it is counted there."""
        return any(len(o) < len(tokens) and list(tokens[: len(o)]) == list(o) for o in self.tokens)
