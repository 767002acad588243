"""How likely a text is under a model: the on-policy figure behind the method's argument."""

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
"""Token ids of a prompt, and of what is said to it."""


def response_nll(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[Message]], responses: Sequence[str], batch_size: int = 12
) -> list[tuple[float, int]]:
    """Negative log-likelihood of each response with its stop token, given its prompt.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        prompts: chat messages, one list a row.
        responses: one a row.
        batch_size: rows run at once.

    Returns:
        For each row, the sum over its response tokens in nats, and how many tokens those are.
    """
    pairs = zip(prompts, responses, strict=True)
    texts = [(encode_prompt(tokenizer, prompt), encode_response(tokenizer, response)) for prompt, response in pairs]
    return list(zip(text_nll(model, texts, batch_size), [len(response) for _, response in texts], strict=True))


def text_nll(model: Any, texts: Sequence[TextIds], batch_size: int = 12) -> list[float]:
    """The same for token ids: summed nats of each response, given its prompt.

    Responses to the same prompt share its forward pass, unless the model has layers that are not attention.

    Args:
        model: a causal language model.
        texts: prompts of at least two tokens and responses of at least one.
        batch_size: texts run at once; a multiple of how many share a prompt saves most.
    """
    ONE_OR_MORE.check(batch_size=batch_size)  # with one below 0 no batch would be run, and every text be certain
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i][0]), texts[i][0]))  # equal prompts side by side
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
    """Token ids of a prompt; the states of the first `start` of them are in `past`, and need not be computed."""

    ids: Sequence[int]
    past: Prefix | None = None
    start: int = 0


@torch.inference_mode()
def token_losses(model: Any, texts: Sequence[tuple[Begun, Sequence[int]]]) -> list[list[float]]:
    """Nats of each token of some responses, given their prompts; all are run at once.

    Args:
        model: a causal language model.
        texts: prompts of at least two tokens with responses of at least one; what is computed of a `Begun` is computed
            once. Only models whose states can be reused may have a past.
    """
    score = _after_shared_prompts if _can_continue(model.config) else _each_in_whole
    losses: list[list[float]] = score(model, texts).tolist()
    return [loss[: len(response)] for loss, (_, response) in zip(losses, texts, strict=True)]


def _can_continue(config: Any) -> bool:
    layers = DynamicCache(config=config).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def _after_shared_prompts(model: Any, texts: Sequence[tuple[Begun, Sequence[int]]]) -> torch.Tensor:
    """Each prompt once, all but its last token; then that token and the response, padded on the right.

    Responses that one row can serve (`sharing`) are run once.
    """
    places: dict[Begun, list[int]] = {}
    for i, (prompt, _) in enumerate(texts):
        places.setdefault(prompt, []).append(i)
    prompts = list(places)
    batch = Batch(model, [(prompt.past, prompt.start) for prompt in prompts])
    rest = [prompt.ids[prompt.start : -1] for prompt in prompts]
    if any(rest):
        batch.extend(rest)  # for its states alone
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
    """Groups of responses to one prompt that a single row of a batch can serve.

    The logits of a response follow from all its tokens but the last. So a row that runs these tokens of one response
    serves each other response that begins alike and ends where, or before, that one does.

    Args:
        responses: token ids, at least one each.

    Returns:
        Places of the responses, group by group; the first of a group is the one to run.

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
    """Prompt and response in one pass, padded on the left; logits are asked for the responses' columns alone."""
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
    """Nats per token over all rows, each token with the same weight; None without tokens.

    Example:
        >>> mean_nll([(4.0, 2), (1.0, 3)])
        1.0
    """
    tokens = sum(count for _, count in rows)
    return sum(loss for loss, _ in rows) / tokens if tokens else None
