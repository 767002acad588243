"""Sampling whose result depends only on a request's own seed, not on its batch."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from hf_selfdemo.core.ranges import NOT_NEGATIVE


class Sampler:
    """Picks the next token of each row.

    The largest value of logits / temperature plus Gumbel noise is an exact sample from the softmax (the Gumbel-max
    trick, Gumbel 1954). Each row has its own random stream, so its text does not depend on its batch, and an
    interrupted run ends in the same texts. If a token is rejected, the next largest is taken, which is an exact sample
    from the remaining tokens.

    Args:
        temperatures: one per row; 0 is greedy.
        seeds: one per row.

    Raises:
        UserError: for a temperature that is negative or NaN.

    Example:
        >>> sampler, logits = Sampler([0.0], [1]), torch.tensor([[0.1, 2.0, 0.3]])
        >>> sampler.pick(logits, [0]), sampler.pick(logits, [0], lambda row, token: token == 1)
        ([1], [2])
    """

    def __init__(self, temperatures: Sequence[float], seeds: Sequence[int]) -> None:
        for temperature in temperatures:
            NOT_NEGATIVE.check(temperature=temperature)
        self.temperatures = temperatures
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def pick(
        self,
        logits: torch.Tensor,
        rows: Sequence[int],
        refused: Callable[[int, int], bool] = lambda row, token: False,
    ) -> list[int]:
        """The next token of each row.

        Args:
            logits: shape (len(rows), vocabulary).
            rows: the indices of these rows among all rows of the sampler.
            refused: whether a token is forbidden for a row. At least one token of each row must be allowed.
        """
        scores = self._scores(logits.float(), rows)
        picked: list[int] = scores.argmax(-1).tolist()
        for place, row in enumerate(rows):
            left = scores[place]
            while refused(row, picked[place]):
                left = left.index_fill(0, torch.tensor(picked[place], device=left.device), float("-inf"))
                picked[place] = int(left.argmax())
        return picked

    def _scores(self, logits: torch.Tensor, rows: Sequence[int]) -> torch.Tensor:
        """Logits divided by temperature, plus noise. The logits of greedy rows are unchanged."""
        sampled = [place for place, row in enumerate(rows) if self.temperatures[row] > 0]
        if not sampled:
            return logits
        scores = logits.clone()
        for place in sampled:
            row = rows[place]
            noise = torch.empty(logits.shape[-1]).exponential_(generator=self.streams[row]).log_()
            scores[place] = logits[place] * (1 / self.temperatures[row]) - noise.to(logits.device)
        return scores
