"""Sampling whose result depends on a request's own seed alone, not on the batch it happens to share."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from hf_selfdemo.core.ranges import NOT_NEGATIVE


class Sampler:
    """Picks next tokens row by row.

    Adding Gumbel noise to logits / temperature and taking the largest is an exact sample from the softmax (the
    Gumbel-max trick, Gumbel 1954). With one random stream a row, a row's text does not change with its batch, which
    is what makes an interrupted run end like an undisturbed one.

    Args:
        temperatures: one a row; 0 is greedy.
        seeds: one a row.

    Raises:
        UserError: for a temperature below 0, or none at all (NaN).

    Example:
        >>> Sampler([0.0], [1]).pick(torch.tensor([[0.1, 2.0, 0.3]]), [0])
        [1]
    """

    def __init__(self, temperatures: Sequence[float], seeds: Sequence[int]) -> None:
        for temperature in temperatures:
            NOT_NEGATIVE.check(temperature=temperature)
        self.temperatures = temperatures
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def pick(self, logits: torch.Tensor, rows: Sequence[int]) -> list[int]:
        """The next token of each of `rows`; `logits` has shape (len(rows), vocabulary)."""
        logits = logits.float()
        noise = torch.zeros_like(logits)
        scale = torch.ones(len(rows), 1, device=logits.device)
        for i, row in enumerate(rows):
            if self.temperatures[row] > 0:
                scale[i] = 1 / self.temperatures[row]
                noise[i] = -torch.empty(logits.shape[-1]).exponential_(generator=self.streams[row]).log_()
        picked: list[int] = (logits * scale + noise).argmax(-1).tolist()
        return picked
