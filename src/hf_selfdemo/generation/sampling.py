"""Sampling whose result depends on a request's own seed alone, not on the batch it happens to share."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch

from hf_selfdemo.core.ranges import NOT_NEGATIVE


class Sampler:
    """Picks next tokens row by row.

    Adding Gumbel noise to logits / temperature and taking the largest is an exact sample from the softmax (the
    Gumbel-max trick, Gumbel 1954). With one random stream a row, a row's text does not change with its batch, which
    is what makes an interrupted run end like an undisturbed one. Where a token is refused the next largest is taken,
    which samples exactly from what is left.

    Args:
        temperatures: one a row; 0 is greedy.
        seeds: one a row.

    Raises:
        UserError: for a temperature below 0, or none at all (NaN).

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
            rows: places among all rows of the sampler.
            refused: whether a row may not go on with a token; each row has one that it may go on with.
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
        """Logits over temperature, with noise; as they are where no row is sampled."""
        sampled = [place for place, row in enumerate(rows) if self.temperatures[row] > 0]
        if not sampled:
            return logits
        scores = logits.clone()
        for place in sampled:
            row = rows[place]
            noise = torch.empty(logits.shape[-1]).exponential_(generator=self.streams[row]).log_()
            scores[place] = logits[place] * (1 / self.temperatures[row]) - noise.to(logits.device)
        return scores
