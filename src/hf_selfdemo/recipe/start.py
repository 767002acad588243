"""What training begins with: the model that the recipe names, or what was trained before (`start_from`)."""

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
    """A model to load and, if one is trained further, the folder of its adapter.

    `fingerprint` is of both together, `weights` a hash of what was trained before, "" for nothing. `origin` is the
    fingerprint of the model as it was before that training, "" where it is not known.
    """

    model: ResolvedModel
    adapter: Path | None
    fingerprint: str
    weights: str
    origin: str = ""


def training_start(recipe: Recipe) -> Start:
    """Find what the recipe starts from; nothing is loaded.

    Raises:
        UserError: if nothing was trained there, or it cannot be trained further as the recipe says.
    """
    if (recipe.model.load_in_4bit or recipe.model.load_in_8bit) and not recipe.model.use_peft:
        raise UserError("quantised weights cannot be trained and use_peft is false", "set it, or load them whole")
    if not recipe.train.start_from:
        base = recipe.resolve()
        return Start(base, None, base.fingerprint, "")
    folder = Path(recipe.train.start_from)
    if not list(folder.glob("*.safetensors")):
        remedy = did_you_mean_file(folder, "name the `model` folder of a finished training")
        raise UserError(f"start_from: {folder} holds no trained model", remedy)
    if not is_adapter(folder):
        whole = recipe.resolve_tuned(folder)
        return Start(whole, None, whole.fingerprint, weights_hash(folder), _origin(folder))
    base = recipe.resolve()
    _refuse_misfit(recipe, folder, base)
    return Start(base, folder, tuned_fingerprint(base, folder), weights_hash(folder), base.fingerprint)


def load_start(recipe: Recipe, start: Start) -> tuple[Any, Any, dict[str, Any]]:
    """The network to train, its tokenizer, and what the trainer must be told about adapters.

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
    with explained(f"start_from: the adapter in {start.adapter} cannot be loaded", "bring back a copy, or train anew"):
        further = PeftModel.from_pretrained(network, start.adapter, is_trainable=True)
    return further, recipe.adapted_tokenizer(start.adapter, tokenizer), {}


def start_tokenizer(recipe: Recipe, start: Start) -> Any:
    """The tokenizer that `load_start` gives, without the network."""
    tokenizer = recipe.load_tokenizer(start.model)
    if start.adapter:
        return recipe.adapted_tokenizer(start.adapter, tokenizer)
    add_tokens(tokenizer, recipe.method.method.tokens)
    return tokenizer


def _origin(folder: Path) -> str:
    """Fingerprint of the model that a whole one was trained from, as its manifest tells."""
    path = folder / "manifest.json"
    return str(read_json(path, Training, missing_ok=True).get("settings", {}).get("base", ""))


def check_targets(config: Any, network: Any) -> None:
    """Refuse modules and parameters for LoRA that the network does not have, and another task than writing.

    A single name is made a list again: TRL takes it out of its list, and PEFT would then take it for a pattern of the
    whole path, which no module's own name matches.
    """
    from peft.tuners.tuners_utils import check_target_module_exists
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    if config.task_type != "CAUSAL_LM":
        raise UserError(f"lora_task_type is {config.task_type!r}", "leave it out: what is trained here writes text")
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
        f"lora_target_modules is {shown!r}, and the model has no such module",
        f"name some of its linear layers ({', '.join(linear)}), or all-linear for all",
    )


def _check_named(key: str, wanted: Sequence[str] | None, known: Sequence[str]) -> None:
    """PEFT passes over names of modules and parameters that a network does not have."""
    for name in wanted or ():
        if not any(one == name or one.endswith(f".{name}") for one in known):
            remedy = did_you_mean(name, sorted({one.rpartition(".")[2] for one in known}))
            raise UserError(f"{key} names {name!r}, which the model does not have", remedy)


def _refuse_misfit(recipe: Recipe, folder: Path, base: ResolvedModel) -> None:
    """An adapter fits one base only, and keeps the shape it was made with, whatever the recipe says of shapes."""
    found = read_json(folder / ADAPTER, Adapter, "base_model_name_or_path")
    if not stands_on(folder, base):
        raise UserError(
            f"start_from: the adapter in {folder} stands on {found['base_model_name_or_path']}, not on {base.name} as "
            "it is here",
            "set model_name_or_path and model_revision to what it was trained on",
        )
    if not recipe.model.use_peft:
        raise UserError(f"start_from: {folder} holds an adapter and use_peft is false", "leave use_peft out")
    check_added(folder, recipe.method.method.tokens, recipe.method.name)
    for theirs, ours in (("r", "lora_r"), ("lora_alpha", "lora_alpha")):
        if found.get(theirs) != getattr(recipe.model, ours):
            raise UserError(
                f"{ours} is {getattr(recipe.model, ours)} and the adapter in {folder} has {found.get(theirs)}",
                f"set {ours} to {found.get(theirs)}; an adapter that is trained further keeps its shape",
            )
