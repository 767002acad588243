"""Sampling whose result depends on a request's own seed alone, not on the batch it happens to share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from transformers import LogitsProcessor


class GumbelNoise(LogitsProcessor):
    """Turns greedy decoding into sampling, row by row.

    Adding Gumbel noise to logits / temperature and taking the largest is an exact sample from the softmax (the
    Gumbel-max trick, Gumbel 1954). With one random stream a row, a row's text does not change with its batch, which
    is what makes an interrupted run end like an undisturbed one. Temperature 0 leaves a row greedy.

    Args:
        temperatures: one a row.
        seeds: one a row.
    """

    def __init__(self, temperatures: Sequence[float], seeds: Sequence[int]) -> None:
        self.temperatures = temperatures
        self.streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        scores = scores.float().clone()
        for row, (temperature, stream) in enumerate(zip(self.temperatures, self.streams, strict=True)):
            if temperature > 0:
                noise = -torch.empty(scores.shape[-1]).exponential_(generator=stream).log_()
                scores[row] = scores[row] / temperature + noise.to(scores.device)
        return scores
