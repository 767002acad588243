"""Embeddings for control tokens that a method adds, in training and wherever its adapter is loaded.

PEFT's `trainable_token_indices` trains only the rows of these tokens, and the adapter contains their values. The base
model needs rows for them. Some models have more rows than their tokenizer has tokens (Qwen), others do not (SmolLM2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.prompting.added_tokens import add_tokens
from hf_selfdemo.prompting.chat_format import text_ids


def embed_new_tokens(model: Any, tokenizer: Any, tokens: Sequence[str]) -> list[int]:
    """Add control tokens to a tokenizer and its model. Each starts with the mean embedding of its words.

    Unused embedding rows are taken first, and the model gets more rows if they do not suffice. Nothing is random.
    Tokens that already exist stay unchanged.

    Args:
        model: a causal language model; it is changed.
        tokenizer: the tokenizer of the model; it is changed.
        tokens: the literal texts of the tokens.

    Returns:
        The ids of all tokens.

    Raises:
        UserError: for a token that the tokenizer splits even after it was added.
    """
    import torch

    known = tokenizer.get_vocab()
    new = {token: text_ids(tokenizer, _words(token)) for token in tokens if token not in known}
    ids = add_tokens(tokenizer, tokens)
    make_room(model, max(ids) + 1)
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    weights = {end.weight.data_ptr(): end.weight for end in ends if end is not None}  # one if they are tied
    with torch.no_grad():
        for token, words in new.items():
            for weight in weights.values():
                weight[ids[tokens.index(token)]] = weight[words].float().mean(0).to(weight.dtype)
    return ids


def make_room(model: Any, tokens: int) -> None:
    """Give a model at least so many rows of embeddings.

    Args:
        model: a causal language model; it is changed.
        tokens: one more than the highest token id.
    """
    if model.get_input_embeddings().weight.shape[0] < tokens:
        model.resize_token_embeddings(tokens, mean_resizing=False)


def trainable_indices(model: Any, ids: Sequence[int]) -> Any:
    """The value of PEFT's `trainable_token_indices` with which both embeddings and head learn these tokens.

    Args:
        model: a causal language model. If its head has its own weight, both modules are named. If head and embeddings
            are tied, PEFT ties their adapters.
        ids: the ids of the tokens.
    """
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    if ends[1] is None or ends[0].weight is ends[1].weight:
        return list(ids)
    return {name: list(ids) for name, module in model.named_modules() if any(module is end for end in ends)}


def _words(token: str) -> str:
    """The words of a control token without its brackets.

    Example:
        >>> _words("[Utility:5]"), _words("</paragraph>")
        ('Utility:5', '/paragraph')
    """
    return re.sub(r"[\[\]<>|]+", " ", token).strip() or token
