"""Trained models in folders: adapters, which need their base model, and whole models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import Adapter, TrainedTokens, Training
from hf_selfdemo.core.cache import content_hash
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.integrity import hashes, known_hashes, refuse_changed
from hf_selfdemo.core.loading import did_you_mean_file
from hf_selfdemo.core.manifest import fingerprint, read_json
from hf_selfdemo.generation.embeddings import make_room
from hf_selfdemo.generation.models import ResolvedModel, resolve_model

ADAPTER = "adapter_config.json"
"""The file that every adapter folder contains."""


def is_adapter(folder: Path) -> bool:
    """Whether a folder contains an adapter rather than a whole model."""
    return (folder / ADAPTER).exists()


def trained_folder(where: str | Path) -> Path:
    """The folder of a trained model. A model on the Hub is downloaded.

    Args:
        where: a folder or a Hub id.

    Raises:
        UserError: if there is no such folder and no such model on the Hub.
    """
    return Path(where) if Path(where).is_dir() else Path(resolve_model(str(where)).path)


def weights_of(folder: Path) -> list[Path]:
    """The files with the weights.

    Raises:
        UserError: if there are none, or a file was changed since training ended.
    """
    remedy = f"restore it from a copy, or delete {folder / 'manifest.json'} and train again from the last checkpoint"
    refuse_changed(folder, known_hashes(folder), remedy)
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        remedy = did_you_mean_file(folder, "check the path, the folder does not exist")
        if folder.is_dir():
            remedy = "run `hf-selfdemo train` with the same config first"
        raise UserError(f"{folder} contains no trained model", remedy)
    return found


def model_hashes(folder: Path) -> dict[str, str]:
    """Hashes of the files that were saved with the weights, without checkpoints, which have their own, and the card."""
    files = [path for path in folder.glob("*") if path.name not in _BESIDE and path.is_file()]
    return hashes(folder, [*files, *folder.glob("chat_templates/*")])


POINT_FILE = "operating_point.json"
"""The file with the operating point in a model's folder."""

_BESIDE = ("manifest.json", "README.md", POINT_FILE)


def weights_hash(folder: Path) -> str:
    """A short hash over the content of the weights."""
    return fingerprint([[path.name, content_hash(path)] for path in weights_of(folder)])


def tuned_fingerprint(base: ResolvedModel, folder: Path) -> str:
    """A fingerprint of a base model with the adapter in `folder`."""
    return fingerprint([base.fingerprint, weights_hash(folder)])


def base_name(folder: Path) -> str:
    """The name of an adapter's base model."""
    return str(read_json(folder / ADAPTER, Adapter, "base_model_name_or_path")["base_model_name_or_path"])


def stands_on(folder: Path, base: ResolvedModel) -> bool:
    """Whether an adapter was trained on this base model, by the fingerprint in its manifest or else by name."""
    known = read_json(folder / "manifest.json", Training, missing_ok=True).get("settings", {}).get("base")
    return bool(known == base.fingerprint) if known else base_name(folder) == base.name


def base_of(folder: Path) -> ResolvedModel:
    """The base model of an adapter, found by its name.

    Args:
        folder: the folder of the adapter.

    Raises:
        UserError: if the base model cannot be found, or has changed since the adapter was trained.
    """
    base = resolve_model(base_name(folder))
    if not stands_on(folder, base):
        raise UserError(
            f"{base.name} has changed since the adapter in {folder} was trained on it",
            "set model_name_or_path and model_revision to the model that it was trained on, or train again",
        )
    return base


def added_tokens(folder: Path) -> dict[int, str]:
    """The control tokens that an adapter adds, by id. Most adapters add none.

    Args:
        folder: the folder of the adapter.

    Raises:
        UserError: if the tokenizer in the folder lacks them.
    """
    found = read_json(folder / ADAPTER, TrainedTokens).get("trainable_token_indices") or []
    ids = sorted({i for part in (found.values() if isinstance(found, dict) else [found]) for i in part})
    if not ids:
        return {}
    told = read_json(folder / _TOKENIZER, missing_ok=True).get("added_tokens", [])
    known = {one["id"]: one["content"] for one in told}
    if missing := [i for i in ids if i not in known]:
        raise UserError(
            f"the adapter in {folder} adds tokens (id {missing[0]}), and no tokenizer in the folder defines them",
            f"restore {_TOKENIZER}, which was saved with the adapter, or train again",
        )
    return {i: known[i] for i in ids}


def check_added(folder: Path, tokens: Sequence[str], name: str) -> None:
    """Reject a trained model that lacks control tokens of a method.

    Args:
        folder: the folder of an adapter or a whole model.
        tokens: the tokens that the method adds.
        name: the name of the method.

    Raises:
        UserError: if a token is missing. The message names the first one.
    """
    if not tokens:
        return
    if is_adapter(folder):
        found = set(added_tokens(folder).values())
    else:
        told = read_json(folder / _TOKENIZER, missing_ok=True).get("added_tokens", [])
        found = {one["content"] for one in told}
    if missing := [token for token in tokens if token not in found]:
        raise UserError(
            f"method {name!r} needs the control token {missing[0]!r}, which the model in {folder} does not have",
            f"give a model that was trained with method: {name}, in the folder with its saved tokenizer",
        )


_TOKENIZER = "tokenizer.json"


def merged(network: Any, folder: Path) -> Any:
    """The base model with the adapter in `folder` merged into its weights, which makes decoding faster.

    The weights of `network` are changed. It gets more embeddings if the adapter adds tokens. If embeddings and head are
    tied and a LoRA adapter changes them, they are untied: PEFT would add the change of one of them to both, or twice.

    Raises:
        UserError: if the adapter is of a kind that cannot be merged, or adds tokens that no tokenizer defines.
    """
    from torch.nn import Parameter

    model = attached(network, folder)
    if not hasattr(model, "merge_and_unload"):
        kind = model.active_peft_config.peft_type.value
        raise UserError(f"the adapter in {folder} is of the kind {kind}, which cannot be merged", "use a LoRA adapter")
    for layer in adapters_on_tied_weights(model):
        base = layer.get_base_layer()
        base.weight = Parameter(base.weight.detach().clone(), requires_grad=False)
        network.config.get_text_config().tie_word_embeddings = network.config.tie_word_embeddings = False
    return model.merge_and_unload().eval()


def attached(network: Any, folder: Path) -> Any:
    """The base model with the adapter in `folder` attached, not merged.

    `network` gets more embeddings if the adapter adds tokens.

    Raises:
        UserError: if the adapter cannot be loaded, or adds tokens that no tokenizer defines.
    """
    from peft import PeftModel

    make_room(network, 1 + max(added_tokens(folder), default=-1))
    with explained(f"the adapter in {folder} cannot be loaded", "restore the folder from a copy, or train it again"):
        return PeftModel.from_pretrained(network, folder)


def adapters_on_tied_weights(model: Any) -> list[Any]:
    """The adapter layers on tied embeddings and head of a model; [] if they are not tied.

    Args:
        model: a causal language model with adapters attached.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    if None in ends or getattr(ends[0], "weight", None) is not getattr(ends[1], "weight", None):
        return []
    return [end for end in ends if isinstance(end, BaseTunerLayer)]
