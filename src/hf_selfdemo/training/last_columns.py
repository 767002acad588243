"""Scoring only where there is something to score: the last columns of a left-padded batch.

A row of RAG training has some ten supervised tokens behind hundreds of prompt. TRL's fused head leaves the others out
only where there is Triton; elsewhere it multiplies every column with the whole vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from accelerate.utils import is_peft_model

from hf_selfdemo.generation.last_logits import has_virtual_tokens


@contextmanager
def last_columns(models: Sequence[Any], batch: dict[str, Any], mask: str) -> Iterator[dict[str, Any]]:
    """The batch as the loss may see it: its last columns alone, while `models` still read all of it.

    Meant to be put around code that calls a model and scores what comes out, such as TRL's loss, so that none of that
    need be written again. Within the context `models` take the narrow `input_ids`, run over the whole ones, and let
    only the last hidden states through to the head. Attention mask and position ids stay whole.

    Args:
        models: causal language models of transformers, perhaps with adapters; unwrapped.
        batch: `input_ids` and the mask, (rows, tokens), left-padded.
        mask: name of the mask, 1 for tokens that are scored, never in the first column.
    """
    if any(has_virtual_tokens(model) for model in models):
        yield batch  # these stand before all columns and would be counted among the last
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
    """Let TRL's fused head score the last columns alone, for code that gives it labels of all and reads only those.

    Args:
        models: causal language models with TRL's fused head, perhaps with adapters; unwrapped.
        columns: how many are read.
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
    """Change what each model is given, and what its head gets of the states."""
    with ExitStack() as hooks:
        for model in models:
            hooks.callback(model.register_forward_pre_hook(before, with_kwargs=True).remove)
            causal = model.get_base_model() if is_peft_model(model) else model
            hooks.callback(causal.base_model.register_forward_hook(let_through).remove)
        yield
