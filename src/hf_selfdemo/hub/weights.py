"""The files of a trained model that others need to load it, and no others."""

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
"""Keys of configurations that say where a model was read from."""


def weight_files(folder: Path, merged: Path | None = None) -> dict[str, Path]:
    """The weights in a folder, and the index of their shards if there is one.

    Args:
        folder: of the trained model.
        merged: where an adapter was merged into its base, if it is that which goes up.

    Raises:
        UserError: if there are none.
    """
    home = merged or folder
    return {path.name: path for path in [*weights_of(home), *sorted(home.glob("*.safetensors.index.json"))]}


def tokenizer_files(folder: Path) -> dict[str, Path | str]:
    """Tokenizer and chat template, and a generation configuration that ends a turn where the template does.

    Raises:
        UserError: if there is no tokenizer with a chat template.
    """
    from transformers import AutoTokenizer, GenerationConfig

    if not (folder / "tokenizer_config.json").exists():
        raise UserError(f"{folder} holds no tokenizer", "save it there: tokenizer.save_pretrained(...)")
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
    """The configuration of a whole model, or of an adapter with the Hub id of its base.

    Args:
        folder: of the model, or of an adapter merged into its base.
        base: Hub id of the adapter's base.
    """
    if base:
        config = read_json(folder / ADAPTER, Adapter) | {"base_model_name_or_path": base}
        return {ADAPTER: json.dumps(config, indent=2) + "\n"}
    return {"config.json": _without_places(folder / "config.json")}


def base_id(folder: Path, recorded: str, given: str = "") -> str:
    """The Hub id of the model that was trained on.

    Args:
        folder: of the trained model.
        recorded: the base's name by the manifest of the training.
        given: what the user says, which wins.

    Raises:
        UserError: if it is a path, or nothing that a stranger could load.
    """
    name = given or (base_name(folder) if is_adapter(folder) else recorded)
    if not is_hub_id(name):
        raise UserError(f"the base model {name!r} is not an id on the Hub", "give base_model, the id to load it by")
    return name


def merge_weights(
    folder: Path, target: Path, fingerprint: str = "", finish: Callable[[Path], None] = lambda staging: None
) -> None:
    """Merge the adapter in `folder` into its base, and save the whole model in the base's precision.

    Args:
        folder: of the adapter.
        target: what was merged there before is replaced.
        fingerprint: of the base as it was trained on; a commit is fetched, whatever came after it.
        finish: adds to the folder that holds the weights before it takes its place; what it raises leaves `target` as
            it was.

    Raises:
        UserError: if the base cannot be found, or is another than it was, or `target` holds files of somebody else.
    """
    import torch
    from transformers import AutoConfig

    if found := strangers(target):  # weights among them would go up with ours
        raise not_ours(min(found))
    base = resolve_model(base_name(folder), fingerprint if is_commit(fingerprint) else "main")
    if fingerprint and base.fingerprint != fingerprint:
        raise UserError(f"{base.name} is not what was trained on, as it is here", "push the adapter, without merging")
    with explained(f"the configuration in {base.path} cannot be read", "see that it is whole"):
        precision = AutoConfig.from_pretrained(base.path).dtype or torch.float32
    network: Any = merged(load_model(base), folder)
    with remade(target) as staging:
        network.to(precision).save_pretrained(staging)
        del network  # another may be loaded to look at what was saved
        finish(staging)


def is_commit(fingerprint: str) -> bool:
    """Whether a model's fingerprint is a commit on the Hub, and not a hash of files here.

    Example:
        >>> is_commit("cf78d61b6b84dc37")
        False
    """
    return bool(re.fullmatch("[0-9a-f]{40}", fingerprint))


def _without_places(path: Path) -> str:
    kept = {key: value for key, value in read_json(path).items() if key not in _OF_THIS_DISK}
    return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"
