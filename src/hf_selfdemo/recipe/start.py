"""The model from which training starts: that of the recipe, or one that was trained before (`start_from`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trl import get_peft_config

from hf_selfdemo.core.artefacts import Adapter, Training
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.loading import did_you_mean, did_you_mean_file
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.generation.embeddings import embed_new_tokens, make_room, trainable_indices
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.tuned import (
    ADAPTER,
    added_tokens,
    check_added,
    is_adapter,
    stands_on,
    tuned_fingerprint,
    weights_hash,
)
from hf_selfdemo.prompting.added_tokens import add_tokens
from hf_selfdemo.recipe.recipe import Recipe


@dataclass(frozen=True)
class Start:
    """The model to load and, if an adapter is trained further, the folder of the adapter.

    `fingerprint` is of both together. `weights` is a hash of what was trained before, "" if nothing was. `origin` is
    the fingerprint of the model before that training, "" if it is unknown.
    """

    model: ResolvedModel
    adapter: Path | None
    fingerprint: str
    weights: str
    origin: str = ""


def training_start(recipe: Recipe) -> Start:
    """Find the model from which the recipe starts, without loading it.

    Raises:
        UserError: if `start_from` contains no trained model, or one that cannot be trained further with this recipe.
    """
    if (recipe.model.load_in_4bit or recipe.model.load_in_8bit) and not recipe.model.use_peft:
        raise UserError(
            "use_peft is false, but quantised weights cannot be trained",
            "set use_peft: true, or leave load_in_4bit and load_in_8bit out",
        )
    if not recipe.train.start_from:
        base = recipe.resolve()
        return Start(base, None, base.fingerprint, "")
    folder = Path(recipe.train.start_from)
    if not list(folder.glob("*.safetensors")):
        remedy = did_you_mean_file(folder, "name the `model` folder of a finished training")
        raise UserError(f"start_from: {folder} contains no trained model", remedy)
    if not is_adapter(folder):
        whole = recipe.resolve_tuned(folder)
        return Start(whole, None, whole.fingerprint, weights_hash(folder), _origin(folder))
    base = recipe.resolve()
    _refuse_misfit(recipe, folder, base)
    return Start(base, folder, tuned_fingerprint(base, folder), weights_hash(folder), base.fingerprint)


def load_start(recipe: Recipe, start: Start) -> tuple[Any, Any, dict[str, Any]]:
    """Load the network to train and its tokenizer, and make the trainer's arguments about adapters.

    Both have the control tokens that the recipe's method adds, and those of an adapter that is trained further.
    """
    network, tokenizer = recipe.load(start.model, training=True)
    tokens = recipe.method.method.tokens
    if not start.adapter:
        config: Any = get_peft_config(recipe.model)
        if config is not None:
            check_targets(config, network)
        if tokens:
            ids = embed_new_tokens(network, tokenizer, tokens)
            if config is not None:
                config.trainable_token_indices = trainable_indices(network, ids)
        return network, tokenizer, {"peft_config": config}
    from peft import PeftModel

    make_room(network, 1 + max(added_tokens(start.adapter), default=-1))
    with explained(f"start_from: the adapter in {start.adapter} cannot be loaded", "restore a copy, or train again"):
        further = PeftModel.from_pretrained(network, start.adapter, is_trainable=True)
    return further, recipe.adapted_tokenizer(start.adapter, tokenizer), {}


def start_tokenizer(recipe: Recipe, start: Start) -> Any:
    """Load the tokenizer that `load_start` returns, without the network."""
    tokenizer = recipe.load_tokenizer(start.model)
    if start.adapter:
        return recipe.adapted_tokenizer(start.adapter, tokenizer)
    add_tokens(tokenizer, recipe.method.method.tokens)
    return tokenizer


def _origin(folder: Path) -> str:
    """The fingerprint of the model from which a full model was trained, from its manifest."""
    path = folder / "manifest.json"
    return str(read_json(path, Training, missing_ok=True).get("settings", {}).get("base", ""))


def check_targets(config: Any, network: Any) -> None:
    """Reject LoRA modules and parameters that the network does not have, and tasks other than generation.

    TRL replaces a list of one name by the name, which PEFT reads as a pattern for the full path of a module.
    Such a name is made a set again.

    Args:
        config: PEFT's LoraConfig.
        network: the network to train.

    Raises:
        UserError: naming the option.
    """
    from peft.tuners.tuners_utils import check_target_module_exists
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    if config.task_type != "CAUSAL_LM":
        raise UserError(
            f"lora_task_type is {config.task_type!r}, but only models that generate text are trained here",
            "leave it out",
        )
    _check_named("lora_modules_to_save", config.modules_to_save, [name for name, _ in network.named_modules()])
    _check_named("lora_target_parameters", config.target_parameters, [name for name, _ in network.named_parameters()])
    if isinstance(config.target_modules, str) and config.target_modules.isidentifier():
        config.target_modules = {config.target_modules}
    targets = config.target_modules
    modules = dict(network.named_modules())
    if targets is None or targets == "all-linear" or any(check_target_module_exists(config, name) for name in modules):
        return
    linear = sorted(
        {name.rpartition(".")[2] for name, module in modules.items() if isinstance(module, Linear | Conv1D)}
    )
    shown = targets if isinstance(targets, str) else ", ".join(sorted(targets))
    raise UserError(
        f"lora_target_modules is {shown!r}, but the model has no such module",
        f"name some of its linear layers ({', '.join(linear)}), or all-linear",
    )


def _check_named(key: str, wanted: Sequence[str] | None, known: Sequence[str]) -> None:
    """Reject names that the network does not have. PEFT ignores them silently."""
    for name in wanted or ():
        if not any(one == name or one.endswith(f".{name}") for one in known):
            remedy = did_you_mean(name, sorted({one.rpartition(".")[2] for one in known}))
            raise UserError(f"{key} names {name!r}, which the model does not have", remedy)


def _refuse_misfit(recipe: Recipe, folder: Path, base: ResolvedModel) -> None:
    """Reject an adapter of another base model, or whose rank or alpha differs from the recipe's."""
    found = read_json(folder / ADAPTER, Adapter, "base_model_name_or_path")
    if not stands_on(folder, base):
        raise UserError(
            f"start_from: the adapter in {folder} was trained on {found['base_model_name_or_path']}, not on this "
            f"version of {base.name}",
            "set model_name_or_path and model_revision to the model that it was trained on",
        )
    if not recipe.model.use_peft:
        raise UserError(f"start_from: {folder} contains an adapter, but use_peft is false", "leave use_peft out")
    check_added(folder, recipe.method.method.tokens, recipe.method.name)
    for theirs, ours in (("r", "lora_r"), ("lora_alpha", "lora_alpha")):
        if found.get(theirs) != getattr(recipe.model, ours):
            raise UserError(
                f"{ours} is {getattr(recipe.model, ours)}, but the adapter in {folder} has {found.get(theirs)}",
                f"set {ours} to {found.get(theirs)}; training further cannot change it",
            )
