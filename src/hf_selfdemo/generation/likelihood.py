"""Measures how likely texts are under a model, that is, how close training targets are to the model's own words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Message
from hf_selfdemo.generation.batch import Batch
from hf_selfdemo.generation.last_logits import last_logits
from hf_selfdemo.generation.padding import PAD, left_pad, positions, right_pad
from hf_selfdemo.generation.prefixes import Prefix
from hf_selfdemo.prompting.chat import encode_prompt, encode_response

_NO_TARGET = -100

TextIds = tuple[Sequence[int], Sequence[int]]
"""Token ids of a prompt and of the response to it."""


def response_nll(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[Message]], responses: Sequence[str], batch_size: int = 12
) -> list[tuple[float, int]]:
    """The negative log-likelihood of each response, including its stop token, given its prompt.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        prompts: chat messages, one list per row.
        responses: one per row.
        batch_size: the number of rows that are run at once.

    Returns:
        For each row, the sum over its response tokens in nats, and the number of these tokens.
    """
    pairs = zip(prompts, responses, strict=True)
    texts = [(encode_prompt(tokenizer, prompt), encode_response(tokenizer, response)) for prompt, response in pairs]
    return list(zip(text_nll(model, texts, batch_size), [len(response) for _, response in texts], strict=True))


def text_nll(model: Any, texts: Sequence[TextIds], batch_size: int = 12) -> list[float]:
    """The negative log-likelihood of responses given as token ids: the sum over each response's tokens, in nats.

    Responses to the same prompt share its forward pass, unless the model has layers without attention.

    Args:
        model: a causal language model.
        texts: prompts of at least two tokens and responses of at least one token.
        batch_size: the number of texts that are run at once. A multiple of the number of responses to each prompt saves
            most.
    """
    ONE_OR_MORE.check(batch_size=batch_size)  # with a negative one no batch would run, and every loss would be 0
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i][0]), texts[i][0]))  # equal prompts in a row
    result = [0.0] * len(texts)
    for start in range(0, len(order), batch_size):
        picks = order[start : start + batch_size]
        begun = {tuple(texts[i][0]): Begun(texts[i][0]) for i in picks}
        losses = token_losses(model, [(begun[tuple(texts[i][0])], texts[i][1]) for i in picks])
        for i, loss in zip(picks, losses, strict=True):
            result[i] = sum(loss)
    return result


@dataclass(frozen=True, eq=False, slots=True)
class Begun:
    """The token ids of a prompt. The states of the first `start` tokens are in `past` and are not computed again."""

    ids: Sequence[int]
    past: Prefix | None = None
    start: int = 0


@torch.inference_mode()
def token_losses(model: Any, texts: Sequence[tuple[Begun, Sequence[int]]]) -> list[list[float]]:
    """The loss of each token of some responses in nats, given their prompts. All are run in one batch.

    Args:
        model: a causal language model.
        texts: prompts of at least two tokens and responses of at least one token. A `Begun` that occurs several times
            is computed once. Only models whose states can be reused (`cache.can_reuse`) may have a past.
    """
    score = _after_shared_prompts if _can_continue(model.config) else _each_in_whole
    losses: list[list[float]] = score(model, texts).tolist()
    return [loss[: len(response)] for loss, (_, response) in zip(losses, texts, strict=True)]


def _can_continue(config: Any) -> bool:
    layers = DynamicCache(config=config).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def _after_shared_prompts(model: Any, texts: Sequence[tuple[Begun, Sequence[int]]]) -> torch.Tensor:
    """Run each prompt without its last token once, then that token with each response, padded on the right.

    Responses that can share a row (`sharing`) are run once.
    """
    places: dict[Begun, list[int]] = {}
    for i, (prompt, _) in enumerate(texts):
        places.setdefault(prompt, []).append(i)
    prompts = list(places)
    batch = Batch(model, [(prompt.past, prompt.start) for prompt in prompts])
    rest = [prompt.ids[prompt.start : -1] for prompt in prompts]
    if any(rest):
        batch.extend(rest)  # only for its states
    rows = [
        (prompt, [places[prompt][i] for i in group])
        for prompt in prompts
        for group in sharing([texts[i][1] for i in places[prompt]])
    ]
    batch.pick([prompts.index(prompt) for prompt, _ in rows])
    logits = batch.extend([[prompt.ids[-1], *texts[group[0]][1][:-1]] for prompt, group in rows], None, right_pad)
    row_of = {i: row for row, (_, group) in enumerate(rows) for i in group}
    order = [row_of[i] for i in range(len(texts))]
    if order != list(range(len(rows))):
        logits = logits[order]
    return _losses(logits, right_pad([response for _, response in texts], _NO_TARGET)[0])


def sharing(responses: Sequence[Sequence[int]]) -> list[list[int]]:
    """Groups of responses to one prompt that can share a single row of a batch.

    The logits of a response depend on all its tokens but the last. So the row of one response also gives the logits of
    every response whose tokens before the last are a beginning of its own.

    Args:
        responses: token ids, at least one per response.

    Returns:
        The indices of the responses in each group. The first response of a group is the one to run.

    Example:
        >>> sharing([[5, 6], [5, 7], [5, 6, 8], [9, 5], [3]])
        [[2, 0, 1, 4], [3]]
    """
    groups: list[list[int]] = []
    for i in sorted(range(len(responses)), key=lambda i: -len(responses[i])):
        run = list(responses[i][:-1])
        group = next((group for group in groups if list(responses[group[0]][: len(run)]) == run), None)
        if group is None:
            groups.append([i])
        else:
            group.append(i)
    return groups


def _each_in_whole(model: Any, texts: Sequence[tuple[Begun, Sequence[int]]]) -> torch.Tensor:
    """Run prompt and response in one pass, padded on the left, with logits only for the responses' columns."""
    ids, mask = (t.to(model.device) for t in left_pad([[*prompt.ids, *response] for prompt, response in texts], PAD))
    targets = left_pad([response for _, response in texts], _NO_TARGET)[0]
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions(mask)}
    losses = _losses(last_logits(model, targets.shape[1] + 1, **inputs, use_cache=False)[:, :-1], targets)
    return torch.stack([loss.roll(len(response), 0) for loss, (_, response) in zip(losses, texts, strict=True)])


def _losses(logits: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    losses = cross_entropy(
        logits.float().flatten(0, 1),
        targets.flatten().to(logits.device),
        ignore_index=_NO_TARGET,
        reduction="none",
    )
    return losses.view(targets.shape)


def mean_nll(rows: Sequence[tuple[float, int]]) -> float | None:
    """The mean loss in nats per token over all rows, each token with the same weight; None without tokens.

    Example:
        >>> mean_nll([(4.0, 2), (1.0, 3)])
        1.0
    """
    tokens = sum(count for _, count in rows)
    return sum(loss for loss, _ in rows) / tokens if tokens else None
