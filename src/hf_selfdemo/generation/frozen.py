"""Runs the frozen lower layers of a model only once over a text, and keeps their states on disk.

An adapter on the upper layers leaves the lower layers as they are in the base model. So the lower layers compute the
same states for a prompt in every epoch, seed and evaluation of every model trained in this way. The hidden states, from
which the upper layers continue, and the keys and values, which later tokens attend to, are stored on disk.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from accelerate.utils import is_peft_model
from torch.nn import ModuleList

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.generation.cache import BlockCache, block_cache, can_reuse
from hf_selfdemo.generation.identity import layers_identity
from hf_selfdemo.generation.padding import positions
from hf_selfdemo.generation.states import LEAST, States, StateStore, token_names


@dataclass
class _Pass:
    """One forward pass: rows padded on the left, each of which continues from tokens that are in `cache`."""

    ids: torch.Tensor
    mask: torch.Tensor
    places: torch.Tensor
    cache: BlockCache
    names: list[list[bytes]]  # the names of each row's new tokens

    @property
    def width(self) -> int:
        """Number of columns with new tokens."""
        return self.ids.shape[1]

    @property
    def past(self) -> int:
        """Number of columns before them."""
        return self.mask.shape[1] - self.width


@dataclass
class LookedUp:
    """Numbers of tokens whose states in the frozen layers were `computed`, and were `found` on disk."""

    computed: int = 0
    found: int = 0


class FrozenLayers:
    """Makes a model look up the states of its lower layers for tokens that they have processed before.

    The model is changed: every call of its decoder uses this lookup, in training too. Passes for which it is not suited
    run as usual: few tokens, padding on the right, or a cache of another kind.

    Args:
        model: a causal language model of transformers, with or without adapters.
        depth: the number of lower layers.
        folder: the folder of the states. Each set of lower weights has its own subfolder.

    Raises:
        UserError: if the model has too few layers, or layers without full attention.

    Example:
        >>> import tempfile
        >>> from transformers import AutoModelForCausalLM, LlamaConfig
        >>> sizes = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 4}
        >>> model = AutoModelForCausalLM.from_config(LlamaConfig(vocab_size=50, **sizes)).eval()
        >>> ids = torch.arange(20)[None]
        >>> with torch.no_grad(), tempfile.TemporaryDirectory() as folder:
        ...     before = model(ids).logits
        ...     frozen = FrozenLayers(model, 2, Path(folder))
        ...     first, again = model(ids).logits, model(ids).logits
        >>> frozen.account
        LookedUp(computed=21, found=19)
        >>> torch.allclose(before, first, atol=1e-6), torch.allclose(first, again, atol=1e-6)
        (True, True)
    """

    def __init__(self, model: Any, depth: int, folder: Path) -> None:
        causal = model.get_base_model() if is_peft_model(model) else model
        self._decoder = causal.get_decoder()
        layers = getattr(self._decoder, "layers", ())
        if not 0 < depth < len(layers):
            raise UserError(
                f"frozen_layers is {depth}, but the model has {len(layers)} layers",
                "give a smaller number, or 0 to freeze none",
            )
        if not can_reuse(causal.config):
            raise UserError("frozen_layers works only with full-attention layers", "remove this option for this model")
        self._config, self._depth, self._folder = causal.config, depth, folder
        self._lower, self._upper = ModuleList(layers[:depth]), ModuleList(layers[depth:])
        self._whole = self._decoder.forward
        self._stores: dict[bool, StateStore] = {}
        self.account = LookedUp()
        self._decoder.forward = self._forward

    def _forward(
        self,
        input_ids: torch.Tensor | None = None,
        attention_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        past_key_values: Any = None,
        **others: Any,
    ) -> Any:
        one = self._suited(input_ids, attention_mask, position_ids, past_key_values, others)
        if one is None:
            return self._whole(
                input_ids=input_ids,
                attention_mask=attention_mask,
                position_ids=position_ids,
                past_key_values=past_key_values,
                **others,
            )
        wanted = others.get("use_cache")
        keeps = past_key_values is not None or (self._config.use_cache if wanted is None else wanted)
        hidden = self._through_lower(one)
        upper = {"past_key_values": _from_layer(one.cache, self._depth)} if keeps else {}
        with self._only(self._upper), _given(self._upper[0], hidden):
            out = self._whole(input_ids=one.ids, attention_mask=one.mask, position_ids=one.places, **upper, **others)
        if keeps:
            out.past_key_values = one.cache
        return out

    def _suited(self, ids: Any, mask: Any, places: Any, cache: Any, others: dict[str, Any]) -> _Pass | None:
        """The pass, or None if its lower layers cannot be looked up."""
        if ids is None or ids.shape[1] < LEAST or others.get("inputs_embeds") is not None:
            return None
        if others.get("output_hidden_states") or others.get("output_attentions"):
            return None
        before = cache.get_seq_length() if cache is not None else 0
        mask = (
            torch.ones(len(ids), before + ids.shape[1], dtype=torch.long, device=ids.device) if mask is None else mask
        )
        if mask.dim() != 2 or mask.shape[1] != before + ids.shape[1]:
            return None
        if not bool((mask[:, -1] == 1).all()) or bool((mask[:, before:].diff(dim=1) < 0).any()):
            return None
        expected = positions(mask)[:, before:]
        if places is not None and not bool(((places == expected) | (mask[:, before:] == 0)).all()):
            return None
        if cache is not None and not isinstance(cache, BlockCache):
            return None  # which tokens it contains is unknown
        begun = cache.token_ids if cache is not None and before else [[]] * len(ids)
        self._refuse_trained()
        texts = [row[real.bool()].tolist() for row, real in zip(ids, mask[:, before:], strict=True)]
        names = [token_names([*old, *new])[len(old) :] for old, new in zip(begun, texts, strict=True)]
        return _Pass(ids, mask, expected, block_cache(self._config) if cache is None else cache, names)

    def _refuse_trained(self) -> None:
        if not torch.is_grad_enabled():
            return
        if any(weight.requires_grad for module in self._below for weight in module.parameters()):
            raise UserError(
                f"frozen_layers is {self._depth}, but weights in or below these layers are trained",
                "train an adapter on the upper layers only (lora_target_modules), or remove frozen_layers",
            )

    @torch.no_grad()
    def _through_lower(self, one: _Pass) -> torch.Tensor:
        """The output of the lower layers, (rows, columns, width). It also fills their part of the cache.

        All rows are looked up as far as the row with the fewest stored states, so that the columns stay aligned.
        """
        store = self._store()
        known = [store.known(names) for names in one.names]
        run = max(1, *(len(names) - have for names, have in zip(one.names, known, strict=True)))
        found = one.width - run
        parts = [store.read(names[: len(names) - run]) if len(names) > run else None for names in one.names]
        if found:
            self._fill(one.cache, parts, found)
        taken: list[torch.Tensor] = []

        def take(module: Any, args: Any, output: Any) -> None:
            taken.append(output[0] if isinstance(output, tuple) else output)

        handle = self._lower[-1].register_forward_hook(take)
        training = self._lower[0].training
        self._lower.eval()  # gradient checkpointing would drop the cache
        try:
            with self._only(self._lower):
                self._whole(
                    input_ids=one.ids[:, found:],
                    attention_mask=one.mask,
                    position_ids=one.places[:, found:],
                    past_key_values=one.cache,
                    use_cache=True,
                )
        finally:
            handle.remove()
            self._lower.train(training)
        hidden = taken[0]
        for i, names in enumerate(one.names):
            if len(names) - known[i] >= LEAST:
                store.add(names[known[i] :], self._cut(one, hidden, i, known[i]))
        real = sum(map(len, one.names))
        computed = sum(min(run, len(names)) for names in one.names)
        self.account.computed += computed
        self.account.found += real - computed
        if not found:
            return hidden
        return torch.cat([_aligned([part.hidden if part else None for part in parts], found, hidden), hidden], dim=1)

    def _fill(self, cache: BlockCache, parts: Sequence[States | None], columns: int) -> None:
        some = next(part for part in parts if part is not None)
        like = some.keys.to(self._decoder.device)
        layers: Any = cache.layers[: self._depth]
        for number, layer in enumerate(layers):
            keys, values = (
                _aligned([getattr(part, name)[:, number] if part else None for part in parts], columns, like)
                for name in ("keys", "values")
            )
            layer.update(keys.transpose(1, 2), values.transpose(1, 2))

    def _cut(self, one: _Pass, hidden: torch.Tensor, row: int, first: int) -> States:
        """The states computed for a row's new tokens, starting at `first`."""
        count = len(one.names[row]) - first
        layers: Any = one.cache.layers[: self._depth]
        ends = slice(one.past + one.width - count, one.past + one.width)
        keys, values = (
            torch.stack([getattr(layer, kind)[row, :, ends] for layer in layers]) for kind in ("keys", "values")
        )
        return States(hidden[row, -count:], keys.permute(2, 0, 1, 3), values.permute(2, 0, 1, 3))

    def _store(self) -> StateStore:
        """The store for the current precision. With autocast, float32 weights compute different states."""
        weight = next(self._lower.parameters())
        mixed = weight.element_size() == 4 and torch.is_autocast_enabled(weight.device.type)
        if mixed not in self._stores:
            self._stores[mixed] = StateStore(self._folder / (f"{self._identity}-autocast" if mixed else self._identity))
        return self._stores[mixed]

    @cached_property
    def _identity(self) -> str:
        """Computed on first use, since it takes a pass over the lower weights."""
        return layers_identity(self._config, self._below)

    @property
    def _below(self) -> list[Any]:
        """The modules on which the stored states depend."""
        return [self._decoder.get_input_embeddings(), *self._lower]

    @contextmanager
    def _only(self, layers: ModuleList) -> Iterator[None]:
        whole = self._decoder.layers
        self._decoder.layers = layers
        try:
            yield
        finally:
            self._decoder.layers = whole


@contextmanager
def _given(layer: Any, hidden: torch.Tensor) -> Iterator[None]:
    """Make a layer use these states as its input."""
    if torch.is_grad_enabled() and getattr(layer, "gradient_checkpointing", False):
        hidden = hidden.requires_grad_()  # reentrant checkpointing skips layers whose input needs no gradient

    def replace(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (hidden, *args[1:])

    handle = layer.register_forward_pre_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def _from_layer(cache: BlockCache, first: int) -> BlockCache:
    """A view of the cache for the layers from `first` on. They read the length of the cache from its first layer."""
    view = copy.copy(cache)
    view.layers = [cache.layers[first]] * first + cache.layers[first:]
    return view


def _aligned(parts: Sequence[torch.Tensor | None], columns: int, like: torch.Tensor) -> torch.Tensor:
    """A tensor (rows, columns, ...) in which each part ends in the last column. The rest is zero."""
    shape = next(part for part in parts if part is not None).shape[1:]
    whole = like.new_zeros((len(parts), columns, *shape))
    for i, part in enumerate(parts):
        if part is not None:
            whole[i, columns - len(part) :] = part.to(whole.device)
    return whole
