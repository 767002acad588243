"""Logits for the last columns of a left-padded batch only, where the replies are.

A row of RAG training has about ten supervised tokens after hundreds of prompt tokens. TRL's fused head skips the prompt
only with Triton; without it, every column is multiplied with the whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from accelerate.utils import is_peft_model

from hf_selfdemo.generation.last_logits import has_virtual_tokens


@contextmanager
def last_columns(models: Sequence[Any], batch: dict[str, Any], mask: str) -> Iterator[dict[str, Any]]:
    """Yield the batch with its last columns only, while `models` still read all of it.

    It wraps code that calls a model and computes a loss, such as TRL's, so that this code can be reused. Inside the
    context, `models` accept the narrow `input_ids`, run on the full ones, and pass only the last hidden states to the
    head. Attention mask and position ids stay whole.

    Args:
        models: unwrapped causal language models of transformers, with or without adapters.
        batch: `input_ids` and the mask, (rows, tokens), left-padded.
        mask: name of the mask, which is 1 for scored tokens and 0 in the first column.
    """
    if any(has_virtual_tokens(model) for model in models):
        yield batch  # virtual tokens precede all columns and would shift them
        return
    first = int(batch[mask].any(0).nonzero()[0])
    whole, narrow = batch["input_ids"], slice(first - 1, None)  # a token is predicted in the column before its own

    def show_all(module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, kwargs | {"input_ids": whole}

    def let_through(module: Any, args: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[:, narrow].contiguous()  # for torch, as in `last_logits`
        return output

    with _hooked(models, show_all, let_through):
        yield batch | {"input_ids": whole[:, narrow], mask: batch[mask][:, narrow]}


@contextmanager
def last_labels(models: Sequence[Any], columns: int) -> Iterator[None]:
    """Make TRL's fused head score the last columns only, for callers that give all labels but read only these columns.

    Args:
        models: unwrapped causal language models with TRL's fused head, with or without adapters.
        columns: number of columns that the caller reads.
    """
    kept = slice(-columns - 1, None)  # a token is predicted in the column before its own

    def label_some(module: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        return args, kwargs | {"labels": kwargs["labels"][:, kept]}

    def let_through(module: Any, args: Any, output: Any) -> Any:
        output.last_hidden_state = output.last_hidden_state[:, kept]
        return output

    with _hooked(models, label_some, let_through):
        yield


@contextmanager
def _hooked(models: Sequence[Any], before: Any, let_through: Any) -> Iterator[None]:
    """Change the inputs of each model with `before`, and the hidden states of its head with `let_through`."""
    with ExitStack() as hooks:
        for model in models:
            hooks.callback(model.register_forward_pre_hook(before, with_kwargs=True).remove)
            causal = model.get_base_model() if is_peft_model(model) else model
            hooks.callback(causal.base_model.register_forward_hook(let_through).remove)
        yield
