"""The identity of a loaded model: a changed weight or chat template gives another identity."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import torch

from hf_selfdemo.core.types import Message
from hf_selfdemo.prompting.chat import encode_prompt

_PROBE: tuple[Message, ...] = (
    {"role": "system", "content": "s"},
    {"role": "user", "content": "u"},
    {"role": "assistant", "content": "a"},
    {"role": "user", "content": "v"},
)
"""A conversation with every kind of message that prompts contain."""

_PART = 21 << 16
"""Number of values that are summed at once, to limit memory. It is divisible by 3 and 7, the steps of `_checksums`."""

_SET_IN_TRAINING = ("_token_id", "use_cache", "tie_word_embeddings")
"""Endings of config keys that trainers and adapters change and that do not affect any layer."""

_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def model_identity(model: Any, tokenizer: Any) -> str:
    """The model's name and a short hash over its config, dtype, all weights, and the token ids of a test conversation.

    An adapter, attached or merged, changes the identity. The path of the model does not.
    """
    digest = hashlib.sha256()
    digest.update(_config(model.config.to_dict()))
    digest.update(repr(encode_prompt(tokenizer, _PROBE)).encode())
    _add_weights(digest, model)
    return f"transformers/{model.name_or_path.rpartition('/')[2]}/{digest.hexdigest()[:12]}"


def layers_identity(config: Any, modules: Sequence[Any]) -> str:
    """A short hash over the weights of some modules and their model's config, without keys that training changes."""
    known = config.to_dict()
    digest = hashlib.sha256(_config({key: known[key] for key in known if not key.endswith(_SET_IN_TRAINING)}))
    for module in modules:
        _add_weights(digest, module)
    return digest.hexdigest()[:12]


def _config(config: dict[str, Any]) -> bytes:
    known = {k: v for k, v in config.items() if k not in ("_name_or_path", "transformers_version")}
    return json.dumps(known, sort_keys=True, default=str).encode()


def _add_weights(digest: Any, module: Any) -> None:
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {_checksums(tensor)}".encode())


def _checksums(tensor: torch.Tensor) -> list[int]:
    """Sums over the bits of all values, of every third and of every seventh. Exact, fast, and equal on every device."""
    bits = tensor.detach().reshape(-1).contiguous().view(_BITS[tensor.element_size()])
    return [int(sum(part[::step].sum(dtype=torch.int64) for part in bits.split(_PART))) for step in (1, 3, 7)]
