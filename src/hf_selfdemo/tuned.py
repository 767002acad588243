"""Trained models in folders: adapters, which need their base, and whole ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hf_selfdemo.errors import UserError
from hf_selfdemo.manifest import file_hash, fingerprint, read_json
from hf_selfdemo.models import ResolvedModel

ADAPTER = "adapter_config.json"
"""The file that makes a folder an adapter's."""


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, rather than a whole model."""
    return (folder / ADAPTER).exists()


def weights_of(folder: Path) -> list[Path]:
    """The files that hold the weights.

    Raises:
        UserError: if there are none.
    """
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        remedy = "run `hf-selfdemo train` with the same config first" if folder.is_dir() else "there is no such folder"
        raise UserError(f"{folder} holds no trained model", remedy)
    return found


def weights_hash(folder: Path) -> str:
    """A short hash over the content of the weights."""
    return fingerprint([[path.name, file_hash(path)] for path in weights_of(folder)])


def tuned_fingerprint(base: ResolvedModel, folder: Path) -> str:
    """A fingerprint of a base with the adapter in `folder`."""
    return fingerprint([base.fingerprint, weights_hash(folder)])


def base_name(folder: Path) -> str:
    """The name of the model that an adapter stands on."""
    return str(read_json(folder / ADAPTER)["base_model_name_or_path"])


def stands_on(folder: Path, base: ResolvedModel) -> bool:
    """Whether an adapter was trained on this base: by the fingerprint in its manifest, or else by name."""
    path = folder / "manifest.json"
    known = read_json(path).get("settings", {}).get("base") if path.exists() else None
    return bool(known == base.fingerprint) if known else base_name(folder) == base.name


def merged(network: Any, folder: Path) -> Any:
    """The base with the adapter in `folder` merged into its weights, which makes every step of decoding cheaper.

    The weights of `network` itself are changed.
    """
    from peft import PeftModel

    return PeftModel.from_pretrained(network, folder).merge_and_unload().eval()
