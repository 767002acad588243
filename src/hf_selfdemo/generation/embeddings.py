"""Embeddings for control tokens that a method adds, in training and wherever its adapter is loaded again.

peft's `trainable_token_indices` trains the rows of these tokens alone, and an adapter holds their values. The base
needs room for them: some have more rows than their tokenizer has tokens (Qwen), others none to spare (SmolLM2).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from hf_selfdemo.prompting.added_tokens import add_tokens
from hf_selfdemo.prompting.chat_format import text_ids


def embed_new_tokens(model: Any, tokenizer: Any, tokens: Sequence[str]) -> list[int]:
    """Add control tokens to a tokenizer and its model, each with the mean of the embeddings of its words.

    Rows that the model has for no token are used; where they do not suffice it gets more. Nothing is drawn, and tokens
    that are there already stay as they are.

    Args:
        model: a causal language model; it is changed.
        tokenizer: of the model; it is changed.
        tokens: their literal texts.

    Returns:
        The ids of all of them.

    Raises:
        UserError: for a token that the tokenizer splits all the same.
    """
    import torch

    known = tokenizer.get_vocab()
    new = {token: text_ids(tokenizer, _words(token)) for token in tokens if token not in known}
    ids = add_tokens(tokenizer, tokens)
    make_room(model, max(ids) + 1)
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    weights = {end.weight.data_ptr(): end.weight for end in ends if end is not None}  # one where they are tied
    with torch.no_grad():
        for token, words in new.items():
            for weight in weights.values():
                weight[ids[tokens.index(token)]] = weight[words].float().mean(0).to(weight.dtype)
    return ids


def make_room(model: Any, tokens: int) -> None:
    """Let a model have at least so many rows of embeddings.

    Args:
        model: a causal language model; it is changed.
        tokens: one more than the highest token id.
    """
    if model.get_input_embeddings().weight.shape[0] < tokens:
        model.resize_token_embeddings(tokens, mean_resizing=False)


def trainable_indices(model: Any, ids: Sequence[int]) -> Any:
    """What peft's `trainable_token_indices` must be, so that both embeddings and head learn these tokens.

    Args:
        model: a causal language model. Where its head has a weight of its own both are named; peft itself ties the
            adapters of a head that is the embeddings.
        ids: of the tokens.
    """
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    if ends[1] is None or ends[0].weight is ends[1].weight:
        return list(ids)
    return {name: list(ids) for name, module in model.named_modules() if any(module is end for end in ends)}


def _words(token: str) -> str:
    """What a control token says: its words without the brackets.

    Example:
        >>> _words("[Utility:5]"), _words("</paragraph>")
        ('Utility:5', '/paragraph')
    """
    return re.sub(r"[\[\]<>|]+", " ", token).strip() or token
