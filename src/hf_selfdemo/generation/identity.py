"""A name for a model as it stands in memory, so that a changed weight or chat template never passes for the same."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_SAMPLED = 64
"""Values looked at in each tensor: reading all weights would take longer than the first questions."""


def model_identity(model: Any, tokenizer: Any) -> str:
    """The model's name and a short hash over its config, dtype, a sample of every weight, and the chat template.

    An adapter, attached or merged, changes it; the place the model was loaded from does not.
    """
    digest = hashlib.sha256()
    config = {k: v for k, v in model.config.to_dict().items() if k not in ("_name_or_path", "transformers_version")}
    digest.update(json.dumps(config, sort_keys=True, default=str).encode())
    digest.update((tokenizer.chat_template or "").encode())
    for name, tensor in sorted(model.state_dict().items()):
        flat = tensor.detach().reshape(-1)
        sample = flat[:: max(1, flat.numel() // _SAMPLED)][:_SAMPLED].double().tolist()
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype} {sample}".encode())
    return f"transformers/{model.name_or_path.rpartition('/')[2]}/{digest.hexdigest()[:12]}"
