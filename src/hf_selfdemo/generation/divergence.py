"""Measures how much the prediction of a token changes between a model's early layers and its last layer.

The model's own final norm and head turn an early layer's states into a prediction (the logit lens). The Jensen-Shannon
divergence compares it with the last layer's prediction, and the highest divergence over the early layers counts. DoLa
(Chuang et al. 2024, arXiv 2309.03883) selects layers in this way, and INFO-RAG selects informative tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from accelerate.utils import is_peft_model
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from hf_selfdemo.core.types import Reply
from hf_selfdemo.generation.last_logits import refuse_virtual_tokens
from hf_selfdemo.generation.likelihood import TextIds
from hf_selfdemo.generation.padding import PAD, positions, right_pad
from hf_selfdemo.generation.rows import Row, packed
from hf_selfdemo.generation.words import word_scores
from hf_selfdemo.prompting.chat import disarm

_TOKENS = 2048
"""The most tokens of a forward pass, since the hidden states of all layers are in memory at once."""

_LOGITS = 2**23
"""The most logits of one layer that are computed at once: 34 MB in float32."""


def word_divergences(model: Any, tokenizer: Any, rows: Sequence[Row]) -> Iterator[tuple[int, Reply]]:
    """Answer requests with a `contrasted` text.

    Args:
        model: a causal language model.
        tokenizer: its tokenizer.
        rows: the rows of these requests.

    Returns:
        The index of each row and its reply. Its scores are the highest divergence among each word's tokens, in nats.
    """
    lengths = [len(row.ids) + len(row.texts[0]) for row in rows]
    for batch in packed(rows, lengths, max(1, _TOKENS // max(lengths, default=1))):
        found = token_divergences(model, [(row.ids, row.texts[0]) for row in batch])
        for row, nats in zip(batch, found, strict=True):
            name, text = f"call {row.request.id!r}", row.request.contrasted
            scores = word_scores(tokenizer, text, disarm(tokenizer, text, name), row.texts[0], nats)
            if scores is None:
                yield row.index, Reply("", "error", error=f"the tokens of {name} do not show where its words begin")
            else:
                yield row.index, Reply("", "stop", scores, *row.cost())


@torch.inference_mode()
def token_divergences(model: Any, texts: Sequence[TextIds]) -> list[list[float]]:
    """The divergence between the layers' predictions of each token of some texts, which are run in one batch.

    Args:
        model: a causal language model of transformers, with or without an adapter.
        texts: token ids of a prompt and of the text after it, at least one each.

    Returns:
        For each token of each text, the highest Jensen-Shannon divergence between the prediction of an early layer and
        that of the last layer, in nats: 0 if they are equal, ln 2 if they have no token in common.

    Raises:
        UserError: if the model has an adapter of virtual tokens.
    """
    refuse_virtual_tokens(model)
    causal = model.get_base_model() if is_peft_model(model) else model
    decoder = causal.get_decoder()
    ids, mask = (t.to(model.device) for t in right_pad([[*prompt, *text[:-1]] for prompt, text in texts], PAD))
    with _called(decoder) as modules:
        passed = decoder(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions(mask),
            output_hidden_states=True,
            use_cache=False,
        )
    norm = modules[-1]
    predicting = torch.zeros_like(mask, dtype=torch.bool)  # the columns that predict a token of a text
    for row, (prompt, text) in enumerate(texts):
        predicting[row, len(prompt) - 1 : len(prompt) + len(text) - 1] = True
    last = passed.last_hidden_state[predicting]
    early = [passed.hidden_states[layer][predicting] for layer in early_layers(causal.config)]
    size = max(1, _LOGITS // causal.config.get_text_config().vocab_size)
    nats: list[float] = []
    for start in range(0, len(last), size):
        final = _predicted(causal, decoder, last[start : start + size])
        each = [jensen_shannon(_predicted(causal, decoder, norm(one[start : start + size])), final) for one in early]
        nats += torch.stack(each).amax(0).tolist()
    rest = iter(nats)
    return [[next(rest) for _ in text] for _, text in texts]


def early_layers(config: Any) -> list[int]:
    """The layers that are compared with the last one: every second layer of the lower half, as in DoLa.

    Layer 0 is the embeddings. If the head is the same matrix (tied embeddings), layer 0 predicts the token that was
    just read and would differ from every later prediction. So DoLa starts at layer 2 for these models.

    Example:
        >>> from transformers import LlamaConfig
        >>> early_layers(LlamaConfig(num_hidden_layers=12)), early_layers(
        ...     LlamaConfig(num_hidden_layers=12, tie_word_embeddings=True)
        ... )
        ([0, 2, 4, 6], [2, 4, 6])
    """
    text = config.get_text_config()
    half = text.num_hidden_layers // 2
    tied = config.tie_word_embeddings or text.tie_word_embeddings
    return list(range(2 if tied else 0, half + 1, 2)) or [half]


def jensen_shannon(some: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """The Jensen-Shannon divergence, in nats, between distributions in the last dimension.

    Example:
        >>> jensen_shannon(torch.tensor([1.0, 0.0]), torch.tensor([[0.5, 0.5], [0.0, 1.0]])).tolist()
        [0.2157..., 0.6931...]
    """
    apart = (_entropy(some) + _entropy(others)) / 2
    return (_entropy((some + others) / 2) - apart).clamp(min=0)


def _entropy(distribution: torch.Tensor) -> torch.Tensor:
    return torch.special.entr(distribution).sum(-1)


def _predicted(causal: Any, decoder: Any, states: torch.Tensor) -> torch.Tensor:
    """The prediction of the model's head from hidden states, including the model's own scaling or capping of logits."""
    with _leaving(decoder, states[None]):
        logits = causal(input_ids=torch.full((1, len(states)), PAD, device=states.device), use_cache=False).logits
    return logits[0].float().softmax(-1)


@contextmanager
def _leaving(decoder: Any, states: torch.Tensor) -> Iterator[None]:
    """Make the decoder return these states without computing anything."""
    own = vars(decoder).get("forward")  # set by `FrozenLayers`
    decoder.forward = lambda *args, **inputs: BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=states)
    try:
        yield
    finally:
        del decoder.forward
        if own is not None:
            decoder.forward = own


@contextmanager
def _called(module: Any) -> Iterator[list[Any]]:
    """The submodules of a module in the order in which it calls them. The last one of a decoder is its final norm."""
    parts: list[Any] = []
    handles = [part.register_forward_hook(lambda called, *passed: parts.append(called)) for part in module.children()]
    try:
        yield parts
    finally:
        for handle in handles:
            handle.remove()
