"""What a retriever is trained by: find the passage, agree with the model that reads it, rank alike for other forms.

    loss = InfoNCE + preference_weight * KL(p_R || p_LM) + invariance_weight * mean over forms v of KL(p_R || p_R(v))

p_R is the distribution of a question over the passages of its own list, softmax(similarity / temperature); p_LM is
softmax(log-probability of the answer after each of them / preference_temperature). The terms are those that secondary
sources tell of Invar-RAG (Liu et al. 2024, arXiv 2411.07021); the paper's own formulas are not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy, kl_div

_ABSENT = -1e4
"""Similarity of a passage that is not in a question's list: no probability, and no infinity to subtract."""


@dataclass(frozen=True)
class RankedBatch:
    """The vectors of some lists, each of length one.

    Args:
        questions: (questions, dimensions).
        passages: (passages, dimensions), those of the first list first, in each list the one with the answer first.
        sizes: of the lists, in the order of the questions.
        excluded: (questions, passages), whether a passage of another list holds this question's answer; such a one is
            no negative.
        likelihoods: (passages,), the log-probability of the list's answer after each passage; None where nobody asks.
        forms: (forms, dimensions), other forms of the questions; None where nobody asks.
        form_of: for each form the place of its question.
        windows: as `passages`, a part of each; None where nobody asks.
    """

    questions: torch.Tensor
    passages: torch.Tensor
    sizes: Sequence[int]
    excluded: torch.Tensor
    likelihoods: torch.Tensor | None = None
    forms: torch.Tensor | None = None
    form_of: torch.Tensor | None = None
    windows: torch.Tensor | None = None

    @property
    def owners(self) -> torch.Tensor:
        """For each passage the place of its question."""
        sizes = torch.tensor(self.sizes, device=self.passages.device)
        return torch.arange(len(self.sizes), device=self.passages.device).repeat_interleave(sizes)


def contrast(batch: RankedBatch, temperature: float) -> torch.Tensor:
    """InfoNCE: each question's first passage against the rest of its list and all other passages of the batch."""
    scores = (batch.questions @ batch.passages.T / temperature).masked_fill(batch.excluded, _ABSENT)
    sizes = torch.tensor(batch.sizes, device=scores.device)
    return cross_entropy(scores, sizes.cumsum(0) - sizes)


def preference(batch: RankedBatch, temperature: float, preference_temperature: float) -> torch.Tensor:
    """KL(p_R || p_LM), the mean over the questions."""
    assert batch.likelihoods is not None
    own = _own_lists(batch.owners, torch.arange(len(batch.questions), device=batch.passages.device))
    preferred = _distribution(batch.likelihoods.expand(own.shape), own, preference_temperature)
    ranked = _distribution(batch.questions @ batch.passages.T, own, temperature)
    return divergence(ranked, preferred).mean()


def invariance(batch: RankedBatch, temperature: float) -> torch.Tensor:
    """KL(p_R || p_R(v)): for each question the mean over its other forms, the windows among them; then over questions.

    Gradients pass through both distributions.
    """
    places = torch.arange(len(batch.questions), device=batch.passages.device)
    own = _own_lists(batch.owners, places)
    ranked = _distribution(batch.questions @ batch.passages.T, own, temperature)
    found, of = [], []
    if batch.forms is not None and batch.form_of is not None and len(batch.forms):
        theirs = _distribution(batch.forms @ batch.passages.T, own[batch.form_of], temperature)
        found.append(divergence(ranked[batch.form_of], theirs))
        of.append(batch.form_of)
    if batch.windows is not None:
        found.append(divergence(ranked, _distribution(batch.questions @ batch.windows.T, own, temperature)))
        of.append(places)
    divergences, owners = torch.cat(found), torch.cat(of)
    counts = torch.bincount(owners, minlength=len(places))
    sums = torch.zeros(len(places), device=divergences.device).index_add(0, owners, divergences)
    return (sums / counts.clamp(min=1)).mean()


def divergence(ranked: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """KL(ranked || other) of each row, in nats, from log-probabilities.

    Example:
        >>> p, q = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[0.25, 0.75]]).log()
        >>> round(float(divergence(p, q)[0]), 4)
        0.1438
    """
    return kl_div(other, ranked, reduction="none", log_target=True).sum(-1)


def _own_lists(owners: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """(questions, passages), whether a passage is in a question's list."""
    return owners[None, :] == places[:, None]


def _distribution(similarities: torch.Tensor, own: torch.Tensor, temperature: float) -> torch.Tensor:
    """Log-probabilities over each question's own list."""
    return (similarities / temperature).masked_fill(~own, _ABSENT).log_softmax(-1)
