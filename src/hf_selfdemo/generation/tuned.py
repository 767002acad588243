"""Trained models in folders: adapters, which need their base, and whole ones."""

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
"""The file that makes a folder an adapter's."""


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds an adapter, rather than a whole model."""
    return (folder / ADAPTER).exists()


def trained_folder(where: str | Path) -> Path:
    """The folder of a trained model; one that is on the Hub is downloaded.

    Args:
        where: a folder, or a Hub id.

    Raises:
        UserError: if there is neither.
    """
    return Path(where) if Path(where).is_dir() else Path(resolve_model(str(where)).path)


def weights_of(folder: Path) -> list[Path]:
    """The files that hold the weights.

    Raises:
        UserError: if there are none, or a file is not as it was when training ended.
    """
    remedy = f"bring back a copy, or remove {folder / 'manifest.json'} and train again, from the last checkpoint"
    refuse_changed(folder, known_hashes(folder), remedy)
    found = sorted(folder.glob("*.safetensors"))
    if not found:
        remedy = did_you_mean_file(folder, "there is no such folder")
        if folder.is_dir():
            remedy = "run `hf-selfdemo train` with the same config first"
        raise UserError(f"{folder} holds no trained model", remedy)
    return found


def model_hashes(folder: Path) -> dict[str, str]:
    """Hashes of what was saved with the weights; not of checkpoints, which have their own, nor of texts for people."""
    files = [path for path in folder.glob("*") if path.name not in _BESIDE and path.is_file()]
    return hashes(folder, [*files, *folder.glob("chat_templates/*")])


POINT_FILE = "operating_point.json"
"""The file in a model's folder that holds its operating point."""

_BESIDE = ("manifest.json", "README.md", POINT_FILE)


def weights_hash(folder: Path) -> str:
    """A short hash over the content of the weights."""
    return fingerprint([[path.name, content_hash(path)] for path in weights_of(folder)])


def tuned_fingerprint(base: ResolvedModel, folder: Path) -> str:
    """A fingerprint of a base with the adapter in `folder`."""
    return fingerprint([base.fingerprint, weights_hash(folder)])


def base_name(folder: Path) -> str:
    """The name of the model that an adapter stands on."""
    return str(read_json(folder / ADAPTER, Adapter, "base_model_name_or_path")["base_model_name_or_path"])


def stands_on(folder: Path, base: ResolvedModel) -> bool:
    """Whether an adapter was trained on this base: by the fingerprint in its manifest, or else by name."""
    known = read_json(folder / "manifest.json", Training, missing_ok=True).get("settings", {}).get("base")
    return bool(known == base.fingerprint) if known else base_name(folder) == base.name


def base_of(folder: Path) -> ResolvedModel:
    """The model that an adapter stands on, by its name.

    Args:
        folder: of the adapter.

    Raises:
        UserError: if it is not there any more as it was when the adapter was trained.
    """
    base = resolve_model(base_name(folder))
    if not stands_on(folder, base):
        raise UserError(
            f"the adapter in {folder} was trained on {base.name} with other weights or files than it has now",
            "set model_name_or_path and model_revision to what it was trained on, or train again",
        )
    return base


def added_tokens(folder: Path) -> dict[int, str]:
    """The control tokens that the adapter in a folder adds, by id; most adapters add none.

    Args:
        folder: of an adapter.

    Raises:
        UserError: if the tokenizer beside it does not name them.
    """
    found = read_json(folder / ADAPTER, TrainedTokens).get("trainable_token_indices") or []
    ids = sorted({i for part in (found.values() if isinstance(found, dict) else [found]) for i in part})
    if not ids:
        return {}
    told = read_json(folder / _TOKENIZER, missing_ok=True).get("added_tokens", [])
    known = {one["id"]: one["content"] for one in told}
    if missing := [i for i in ids if i not in known]:
        raise UserError(
            f"the adapter in {folder} trains tokens that its base does not have (id {missing[0]}), and no tokenizer "
            "beside it names them",
            f"bring back {_TOKENIZER}, which was saved with it, or train again",
        )
    return {i: known[i] for i in ids}


def check_added(folder: Path, tokens: Sequence[str], name: str) -> None:
    """Refuse a trained model that lacks control tokens of the method that is to ask it.

    Args:
        folder: of an adapter or a whole model.
        tokens: that the method adds.
        name: of the method.

    Raises:
        UserError: naming the first that is missing.
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
            f"name a model that was trained with method: {name}, with the tokenizer that was saved beside it",
        )


_TOKENIZER = "tokenizer.json"


def merged(network: Any, folder: Path) -> Any:
    """The base with the adapter in `folder` merged into its weights, which makes every step of decoding cheaper.

    The weights of `network` itself are changed. It gets more embeddings where the adapter adds tokens. Embeddings and
    head that share one weight part where a LoRA adapter changes them: PEFT would add what it learnt for one of them to
    both, or twice.

    Raises:
        UserError: if the adapter is of a kind that cannot be merged, or adds tokens that nothing names.
    """
    from torch.nn import Parameter

    model = attached(network, folder)
    if not hasattr(model, "merge_and_unload"):
        kind = model.active_peft_config.peft_type.value
        raise UserError(f"{folder} holds an adapter of the kind {kind}, which cannot be merged", "use a LoRA adapter")
    for layer in adapters_on_tied_weights(model):
        base = layer.get_base_layer()
        base.weight = Parameter(base.weight.detach().clone(), requires_grad=False)
        network.config.get_text_config().tie_word_embeddings = network.config.tie_word_embeddings = False
    return model.merge_and_unload().eval()


def attached(network: Any, folder: Path) -> Any:
    """The base with the adapter in `folder` beside its weights, not merged.

    `network` gets more embeddings where the adapter adds tokens.

    Raises:
        UserError: if the adapter cannot be loaded, or adds tokens that nothing names.
    """
    from peft import PeftModel

    make_room(network, 1 + max(added_tokens(folder), default=-1))
    with explained(f"the adapter in {folder} cannot be loaded", "train it again, or bring back a copy"):
        return PeftModel.from_pretrained(network, folder)


def adapters_on_tied_weights(model: Any) -> list[Any]:
    """The adapter layers over embeddings and head of a model whose embeddings are its head; [] for any other.

    Args:
        model: a causal language model with adapters attached.
    """
    from peft.tuners.tuners_utils import BaseTunerLayer

    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    if None in ends or getattr(ends[0], "weight", None) is not getattr(ends[1], "weight", None):
        return []
    return [end for end in ends if isinstance(end, BaseTunerLayer)]
