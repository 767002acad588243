"""The lower layers of a model that nothing trains, run once over a text however often it comes back.

An adapter on the upper layers leaves the lower ones as the base has them. So every model trained that way makes the
same of a prompt down there, in every epoch, seed and evaluation. What they make is kept on disk: hidden states, with
which the upper layers go on, and keys and values, which later tokens look back to.
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
    """One forward pass: rows padded on the left, each going on from tokens that `cache` has already."""

    ids: torch.Tensor
    mask: torch.Tensor
    places: torch.Tensor
    cache: BlockCache
    names: list[list[bytes]]  # of each row's new tokens

    @property
    def width(self) -> int:
        """Columns of new tokens."""
        return self.ids.shape[1]

    @property
    def past(self) -> int:
        """Columns before them."""
        return self.mask.shape[1] - self.width


@dataclass
class LookedUp:
    """Tokens that went through frozen layers: `computed`, and `found` among the states kept."""

    computed: int = 0
    found: int = 0


class FrozenLayers:
    """Has a model look up what its lower layers make of tokens that they were run over before.

    The model is changed: from now on its decoder runs through this one, wherever it is called from, in training too.
    Passes that this is not for go through the model as ever: few tokens, padding on the right, a cache of others.

    Args:
        model: a causal language model of transformers, perhaps with adapters.
        depth: how many layers.
        folder: where states are kept, apart for every set of lower weights.

    Raises:
        UserError: if the model has not as many layers, or others than full attention.

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
                f"frozen_layers is {depth}", f"the model has {len(layers)} layers: give fewer, or 0 for none"
            )
        if not can_reuse(causal.config):
            raise UserError("frozen_layers is for layers of full attention", "leave it out for this model")
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
        """The pass, if its lower half can be looked up; else None."""
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
            return None  # nobody says what is in it
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
                f"frozen_layers is {self._depth}, and some weights there or below are trained",
                "train an adapter on the layers above alone (lora_target_modules), or leave frozen_layers out",
            )

    @torch.no_grad()
    def _through_lower(self, one: _Pass) -> torch.Tensor:
        """What leaves the lower layers, (rows, columns, width); their part of the cache is filled.

        Every row is looked up as far as the one of which least is known, so that columns stay in line.
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
        self._lower.eval()  # gradient checkpointing would let go of the cache
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
        """What was computed for a row's new tokens from `first` on."""
        count = len(one.names[row]) - first
        layers: Any = one.cache.layers[: self._depth]
        ends = slice(one.past + one.width - count, one.past + one.width)
        keys, values = (
            torch.stack([getattr(layer, kind)[row, :, ends] for layer in layers]) for kind in ("keys", "values")
        )
        return States(hidden[row, -count:], keys.permute(2, 0, 1, 3), values.permute(2, 0, 1, 3))

    def _store(self) -> StateStore:
        """Whose states are as precise as what is computed now: autocast changes those of float32 weights."""
        weight = next(self._lower.parameters())
        mixed = weight.element_size() == 4 and torch.is_autocast_enabled(weight.device.type)
        if mixed not in self._stores:
            self._stores[mixed] = StateStore(self._folder / (f"{self._identity}-autocast" if mixed else self._identity))
        return self._stores[mixed]

    @cached_property
    def _identity(self) -> str:
        """Made when first asked for, since that takes a pass over the lower weights."""
        return layers_identity(self._config, self._below)

    @property
    def _below(self) -> list[Any]:
        """All that the states kept depend on."""
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
    """Have a layer go on from these states, whatever comes in."""
    if torch.is_grad_enabled() and getattr(layer, "gradient_checkpointing", False):
        hidden = hidden.requires_grad_()  # one way of checkpointing passes over layers whose input asks for no gradient

    def replace(module: Any, args: tuple[Any, ...]) -> tuple[Any, ...]:
        return (hidden, *args[1:])

    handle = layer.register_forward_pre_hook(replace)
    try:
        yield
    finally:
        handle.remove()


def _from_layer(cache: BlockCache, first: int) -> BlockCache:
    """The same cache, as the layers from `first` on are to see it: how long it is they learn from its first layer."""
    view = copy.copy(cache)
    view.layers = [cache.layers[first]] * first + cache.layers[first:]
    return view


def _aligned(parts: Sequence[torch.Tensor | None], columns: int, like: torch.Tensor) -> torch.Tensor:
    """(rows, columns, ...), each part ending in the last column; blank elsewhere."""
    shape = next(part for part in parts if part is not None).shape[1:]
    whole = like.new_zeros((len(parts), columns, *shape))
    for i, part in enumerate(parts):
        if part is not None:
            whole[i, columns - len(part) :] = part.to(whole.device)
    return whole
