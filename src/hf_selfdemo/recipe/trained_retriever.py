"""Retrievers trained with `objective: retriever`: checks of the recipe, and loading of the trained encoder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hf_selfdemo.core.artefacts import Training
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.generation.tuned import base_name, is_adapter, stands_on, tuned_fingerprint
from hf_selfdemo.methods.method import METHOD_FILE
from hf_selfdemo.recipe.recipe import Recipe

if TYPE_CHECKING:
    from hf_selfdemo.generation.representations import Representations

OBJECTIVE = "retriever"

_STARTED = "run.json"
"""The first file that training writes. The manifest is the last."""


def refuse_keys(recipe: Recipe) -> None:
    """Reject options that training a retriever does not support, before a model is called or loaded.

    Raises:
        UserError: naming the option.
    """
    model = recipe.model
    if not model.use_peft:
        raise UserError("use_peft is false, but a retriever is trained as an adapter", "leave use_peft out")
    if model.load_in_4bit or model.load_in_8bit:
        raise UserError("a retriever cannot be trained on quantised weights", "leave load_in_4bit and load_in_8bit out")
    if recipe.train.start_from:
        raise UserError(
            "start_from is set, but a retriever is always trained from the base model", "leave start_from out"
        )
    if recipe.train.num_rounds > 1:
        raise UserError("num_rounds is above 1, but a retriever is trained in one round", "leave num_rounds out")


def is_trained_here(name: str) -> bool:
    """Whether a name is the folder of an adapter of this package, also of one that is still being trained.

    Args:
        name: the option `retriever_model`.
    """
    folder = Path(name).expanduser()
    return bool(name) and ((folder / _STARTED).exists() or (is_adapter(folder) and (folder / METHOD_FILE).exists()))


def without_frozen_layers(recipe: Recipe) -> Recipe:
    """The recipe without frozen layers, for an adapter that may change the lower layers."""
    return replace(recipe, engine=replace(recipe.engine, frozen_layers=0))


def trained_encoder(recipe: Recipe) -> Representations:
    """Load the encoder in the folder `retriever_model`, on top of the recipe's own model.

    Raises:
        UserError: if its training was not finished, a file has changed since, the adapter was trained to answer and not
            to search, or it was trained on another model.
    """
    keys, folder = recipe.retrieval, Path(recipe.retrieval.retriever_model).expanduser()
    told = read_json(folder / "manifest.json", Training, missing_ok=True)
    if not told and (folder / _STARTED).exists():
        raise UserError(f"retriever_model: the training in {folder} was not finished", "run the same command again")
    if told.get("settings", {}).get("objective", OBJECTIVE) != OBJECTIVE:
        what = f"retriever_model: the adapter in {folder} was trained to answer questions, not to search"
        raise UserError(what, "name a folder that was trained with objective: retriever")
    base = recipe.resolve()
    if not stands_on(folder, base):
        raise UserError(
            f"retriever_model: the retriever in {folder} was trained on {base_name(folder)}, not on this version of "
            f"{base.name}",
            "set model_name_or_path and model_revision to the model that it was trained on",
        )
    if keys.retriever_query_prompt is not None or keys.retriever_passage_prompt is not None:
        what = f"the retriever in {folder} was trained with prompts of its own"
        raise UserError(what, "leave retriever_query_prompt and retriever_passage_prompt out")
    identity = f"{base.name} ({tuned_fingerprint(base, folder)}), {recipe.dtype().name}"
    from hf_selfdemo.generation.representations import with_adapter

    return with_adapter(*without_frozen_layers(recipe).load(base), folder, identity)
