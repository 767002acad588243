"""The loss of retriever training: find the passage, agree with the reader model, and rank paraphrases alike.

    loss = InfoNCE + preference_weight * KL(p_R || p_LM) + invariance_weight * mean over forms v of KL(p_R || p_R(v))

p_R is the distribution of a question over the passages of its own list, softmax(similarity / temperature); p_LM is
softmax(log-probability of the answer after each of them / preference_temperature). The terms follow secondary sources
about Invar-RAG (Liu et al. 2024, arXiv 2411.07021), because the paper's own formulas are not public.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.nn.functional import cross_entropy, kl_div

_ABSENT = -1e4
"""Similarity of a passage outside a question's list: its probability is 0, and finite values avoid inf - inf."""


@dataclass(frozen=True)
class RankedBatch:
    """The unit vectors of a batch of ranked lists.

    Args:
        questions: (questions, dimensions).
        passages: (passages, dimensions), list after list; in each list the passage with the answer comes first.
        sizes: number of passages in each list, in the order of the questions.
        excluded: (questions, passages), whether a passage of another list contains this question's answer. Such a
            passage is not used as a negative.
        likelihoods: (passages,), log-probability of the list's answer after each passage; None if not needed.
        forms: (forms, dimensions), paraphrases of the questions; None if not needed.
        form_of: (forms,), index of the question of each form.
        windows: like `passages`, but of one part of each passage; None if not needed.
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
        """(passages,), the index of the question of each passage."""
        sizes = torch.tensor(self.sizes, device=self.passages.device)
        return torch.arange(len(self.sizes), device=self.passages.device).repeat_interleave(sizes)


def contrast(batch: RankedBatch, temperature: float) -> torch.Tensor:
    """InfoNCE of each question's first passage against all passages of the batch that are not excluded."""
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
    """KL(p_R || p_R(v)), averaged over the forms of a question (windows included), then over questions.

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
