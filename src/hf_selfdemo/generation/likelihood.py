"""How likely a text is under a model: the on-policy figure behind the method's argument."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch.nn.functional import cross_entropy
from torch.nn.utils.rnn import pad_sequence
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer, DynamicSlidingWindowLayer

from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Message, Reply, Request
from hf_selfdemo.generation.last_logits import last_logits
from hf_selfdemo.generation.padding import PAD, left_pad, positions
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


@torch.inference_mode()
def text_nll(model: Any, texts: Sequence[TextIds], batch_size: int = 12) -> list[float]:
    """The same for token ids: summed nats of each response, given its prompt.

    Responses to the same prompt share its forward pass, unless the model has layers that are no attention.

    Args:
        model: a causal language model.
        texts: prompts of at least two tokens and responses of at least one.
        batch_size: texts run at once; a multiple of how many share a prompt saves most.
    """
    ONE_OR_MORE.check(batch_size=batch_size)  # with one below 0 no batch would be run, and every text be certain
    score = _after_shared_prompts if _can_continue(model.config) else _each_in_whole
    order = sorted(range(len(texts)), key=lambda i: (-len(texts[i][0]), texts[i][0]))  # equal prompts side by side
    result = [0.0] * len(texts)
    for start in range(0, len(order), batch_size):
        picks = order[start : start + batch_size]
        for i, loss in zip(picks, score(model, [texts[i] for i in picks]), strict=True):
            result[i] = loss
    return result


def scored_replies(
    model: Any, tokenizer: Any, requests: Sequence[Request], batch_size: int, limit: int
) -> Iterator[Reply]:
    """A reply to each request with a text to be scored, in their order.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        requests: all with `scored`.
        batch_size: texts run at once.
        limit: tokens that the model takes; what needs more is answered with an error.
    """
    texts = [(encode_prompt(tokenizer, r.messages), encode_response(tokenizer, r.scored)) for r in requests]
    lengths = [len(prompt) + len(text) for prompt, text in texts]
    losses = iter(text_nll(model, [both for both, n in zip(texts, lengths, strict=True) if n <= limit], batch_size))
    for request, (_, text), length in zip(requests, texts, lengths, strict=True):
        if length > limit:
            yield Reply("", "error", error=f"to score {request.id!r} takes {length} tokens and the model takes {limit}")
        else:
            yield Reply("", scores=(-next(losses) / len(text),), prompt_tokens=length)


def _can_continue(config: Any) -> bool:
    layers = DynamicCache(config=config).layers
    return all(type(layer) in (DynamicLayer, DynamicSlidingWindowLayer) for layer in layers)


def _after_shared_prompts(model: Any, texts: Sequence[TextIds]) -> list[float]:
    """Each prompt once, all but its last token; then that token and the response, padded on the right."""
    prompts = list(dict.fromkeys(tuple(prompt) for prompt, _ in texts))
    ids, mask = (t.to(model.device) for t in left_pad([prompt[:-1] for prompt in prompts], PAD))
    cache = DynamicCache(config=model.config)
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions(mask)}
    last_logits(model, 1, **inputs, past_key_values=cache)  # for its states alone
    places = torch.tensor([prompts.index(tuple(prompt)) for prompt, _ in texts])
    cache.batch_select_indices(places)
    shown = _right_pad([[prompt[-1], *response[:-1]] for prompt, response in texts], PAD).to(model.device)
    targets = _right_pad([response for _, response in texts], _NO_TARGET).to(model.device)
    mask = torch.cat([mask[places.to(mask.device)], (targets != _NO_TARGET).long()], dim=1)
    inputs = {"input_ids": shown, "attention_mask": mask, "position_ids": positions(mask)[:, -shown.shape[1] :]}
    return _losses(model(**inputs, past_key_values=cache).logits, targets)


def _each_in_whole(model: Any, texts: Sequence[TextIds]) -> list[float]:
    """Prompt and response in one pass, padded on the left; logits are asked for the responses' columns alone."""
    ids, mask = (t.to(model.device) for t in left_pad([[*prompt, *response] for prompt, response in texts], PAD))
    targets = left_pad([[_NO_TARGET] * len(prompt) + list(response) for prompt, response in texts], _NO_TARGET)[0]
    longest = max(len(response) for _, response in texts)
    inputs = {"input_ids": ids, "attention_mask": mask, "position_ids": positions(mask)}
    logits = last_logits(model, longest + 1, **inputs, use_cache=False)
    return _losses(logits[:, :-1], targets[:, -longest:].to(model.device))


def _losses(logits: torch.Tensor, targets: torch.Tensor) -> list[float]:
    losses = cross_entropy(logits.float().flatten(0, 1), targets.flatten(), ignore_index=_NO_TARGET, reduction="none")
    summed: list[float] = losses.view(targets.shape).sum(1).tolist()
    return summed


def _right_pad(rows: Sequence[Sequence[int]], pad: int) -> torch.Tensor:
    return pad_sequence([torch.tensor(row) for row in rows], batch_first=True, padding_value=pad)


def mean_nll(rows: Sequence[tuple[float, int]]) -> float | None:
    """Nats per token over all rows, each token with the same weight; None without tokens.

    Example:
        >>> mean_nll([(4.0, 2), (1.0, 3)])
        1.0
    """
    tokens = sum(count for _, count in rows)
    return sum(loss for loss, _ in rows) / tokens if tokens else None
