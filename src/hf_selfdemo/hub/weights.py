"""The files of a trained model that are needed to load it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import Adapter
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.remade import not_ours, remade, strangers
from hf_selfdemo.generation.models import load_model, resolve_model
from hf_selfdemo.generation.tuned import ADAPTER, base_name, is_adapter, merged, weights_of
from hf_selfdemo.hub.card import is_hub_id
from hf_selfdemo.prompting.chat import stop_token_id

_TOKENIZER = (
    "tokenizer.json",
    "tokenizer.model",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "chat_template.jinja",
    "chat_templates/*.jinja",
)
_OF_THIS_DISK = ("_name_or_path", "name_or_path", "is_local", "local_files_only")
"""Keys of configurations that contain the path from which a model was loaded."""


def weight_files(folder: Path, merged: Path | None = None) -> dict[str, Path]:
    """The files of the weights in a folder, and the index of their shards if there is one.

    Args:
        folder: the folder of the trained model.
        merged: the folder of the merged model, if that is pushed.

    Raises:
        UserError: if the folder contains no weights.
    """
    home = merged or folder
    return {path.name: path for path in [*weights_of(home), *sorted(home.glob("*.safetensors.index.json"))]}


def tokenizer_files(folder: Path) -> dict[str, Path | str]:
    """Tokenizer, chat template, and a generation configuration that stops where the template ends a turn.

    Raises:
        UserError: if there is no tokenizer with a chat template.
    """
    from transformers import AutoTokenizer, GenerationConfig

    if not (folder / "tokenizer_config.json").exists():
        raise UserError(f"{folder} contains no tokenizer", "save it there: tokenizer.save_pretrained(...)")
    with explained(f"the tokenizer in {folder} cannot be loaded", "save it there: tokenizer.save_pretrained(...)"):
        tokenizer = AutoTokenizer.from_pretrained(folder)
    stops = sorted({stop_token_id(tokenizer), tokenizer.eos_token_id} - {None})
    generation = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=stops,
        pad_token_id=stops[0] if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        do_sample=False,  # as it was evaluated
    )
    found = [path for pattern in _TOKENIZER for path in sorted(folder.glob(pattern))]
    return {
        **{path.relative_to(folder).as_posix(): path for path in found},
        "tokenizer_config.json": _without_places(folder / "tokenizer_config.json"),
        "generation_config.json": generation.to_json_string(),
    }


def config_file(folder: Path, base: str = "") -> dict[str, str]:
    """The configuration file of a full model, or of an adapter with the Hub id of its base.

    Args:
        folder: the folder of the model or of the adapter.
        base: Hub id of the adapter's base; "" for a full model.
    """
    if base:
        config = read_json(folder / ADAPTER, Adapter) | {"base_model_name_or_path": base}
        return {ADAPTER: json.dumps(config, indent=2) + "\n"}
    return {"config.json": _without_places(folder / "config.json")}


def base_id(folder: Path, recorded: str, given: str = "") -> str:
    """The Hub id of the base model.

    Args:
        folder: the folder of the trained model.
        recorded: the name of the base in the manifest of the training.
        given: the Hub id that the user names, if any.

    Raises:
        UserError: if it is a path, or not a Hub id.
    """
    name = given or (base_name(folder) if is_adapter(folder) else recorded)
    if not is_hub_id(name):
        raise UserError(
            f"the base model {name!r} is not a Hub id", "set hub_base_model (in Python: base_model) to its Hub id"
        )
    return name


def merge_weights(
    folder: Path, target: Path, fingerprint: str = "", finish: Callable[[Path], None] = lambda staging: None
) -> None:
    """Merge the adapter in `folder` into its base, and save the full model in the base's precision.

    Args:
        folder: the folder of the adapter.
        target: the folder to write. An earlier merged model there is replaced.
        fingerprint: fingerprint of the base in training. If it is a commit, that commit is downloaded.
        finish: adds files to the new folder before it replaces `target`. If it raises, `target` stays unchanged.

    Raises:
        UserError: if the base cannot be found, or has changed since training, or `target` contains files that this
            function did not write.
    """
    import torch
    from transformers import AutoConfig

    if found := strangers(target):  # weights among them would be pushed, too
        raise not_ours(min(found))
    base = resolve_model(base_name(folder), fingerprint if is_commit(fingerprint) else "main")
    if fingerprint and base.fingerprint != fingerprint:
        raise UserError(f"{base.name} has changed since the adapter was trained", "use the adapter without merging")
    with explained(
        f"the configuration in {base.path} cannot be read", "restore its config.json, or download the model again"
    ):
        precision = AutoConfig.from_pretrained(base.path).dtype or torch.float32
    network: Any = merged(load_model(base), folder)
    with remade(target) as staging:
        network.to(precision).save_pretrained(staging)
        del network  # frees memory, since `finish` may load the saved model
        finish(staging)


def is_commit(fingerprint: str) -> bool:
    """Whether a model's fingerprint is a commit on the Hub, and not a hash of local files.

    Example:
        >>> is_commit("cf78d61b6b84dc37")
        False
    """
    return bool(re.fullmatch("[0-9a-f]{40}", fingerprint))


def _without_places(path: Path) -> str:
    kept = {key: value for key, value in read_json(path).items() if key not in _OF_THIS_DISK}
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"
