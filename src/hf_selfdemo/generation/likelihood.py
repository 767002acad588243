"""How likely a text is under a model: the on-policy figure behind the method's argument."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from hf_selfdemo.chat import encode_prompt, encode_response
from hf_selfdemo.padding import left_pad, positions
from hf_selfdemo.types import Message


@torch.inference_mode()
def response_nll(
    model: Any, tokenizer: Any, prompts: Sequence[Sequence[Message]], responses: Sequence[str], batch_size: int = 8
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
    rows = [
        (encode_prompt(tokenizer, prompt), encode_response(tokenizer, response))
        for prompt, response in zip(prompts, responses, strict=True)
    ]
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i][0]) - len(rows[i][1]))
    result: list[tuple[float, int]] = [(0.0, 0)] * len(rows)
    for start in range(0, len(order), batch_size):
        picks = order[start : start + batch_size]
        ids, mask = left_pad([rows[i][0] + rows[i][1] for i in picks], 0)
        input_ids, attention_mask = ids.to(model.device), mask.to(model.device)
        kept = max(len(rows[i][1]) for i in picks) + 1
        logits = model(
            input_ids=input_ids,
            attention_mask=attention_mask,
            position_ids=positions(attention_mask),
            logits_to_keep=kept,
        ).logits
        losses = torch.nn.functional.cross_entropy(
            logits[:, :-1].float().transpose(1, 2), input_ids[:, -kept + 1 :], reduction="none"
        )
        for row, i in enumerate(picks):
            length = len(rows[i][1])
            result[i] = (float(losses[row, -length:].sum()), length)
    return result


def mean_nll(rows: Sequence[tuple[float, int]]) -> float | None:
    """Nats per token over all rows, each token with the same weight; None without tokens.

    Example:
        >>> mean_nll([(4.0, 2), (1.0, 3)])
        1.0
    """
    tokens = sum(count for _, count in rows)
    return sum(loss for loss, _ in rows) / tokens if tokens else None
