"""A retriever that was trained here: what a recipe may ask of its training, and the encoder that its folder holds."""

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
"""The first file of a training; its manifest is the last."""


def refuse_keys(recipe: Recipe) -> None:
    """Refuse what a retriever is not trained with, before anything is asked or loaded.

    Raises:
        UserError: naming the key.
    """
    model = recipe.model
    if not model.use_peft:
        raise UserError("a retriever is an adapter of its own and use_peft is false", "leave use_peft out")
    if model.load_in_4bit or model.load_in_8bit:
        raise UserError("a retriever is not trained on quantised weights", "leave load_in_4bit and load_in_8bit out")
    if recipe.train.start_from:
        raise UserError("a retriever is trained from the model alone", "leave start_from out")
    if recipe.train.num_rounds > 1:
        raise UserError("a retriever is trained in one round", "leave num_rounds out")


def is_trained_here(name: str) -> bool:
    """Whether a name is the folder of an adapter that was trained here, to search or to answer, or is being trained.

    Args:
        name: `retriever_model` of a recipe.
    """
    folder = Path(name).expanduser()
    return bool(name) and ((folder / _STARTED).exists() or (is_adapter(folder) and (folder / METHOD_FILE).exists()))


def without_frozen_layers(recipe: Recipe) -> Recipe:
    """The recipe for a network whose lower layers an adapter may change, too."""
    return replace(recipe, engine=replace(recipe.engine, frozen_layers=0))


def trained_encoder(recipe: Recipe) -> Representations:
    """The encoder in the folder that `retriever_model` names, over the recipe's own model.

    Raises:
        UserError: for a training that was not finished, a file that changed since, an adapter that answers instead of
            searching, or one of another model.
    """
    keys, folder = recipe.retrieval, Path(recipe.retrieval.retriever_model).expanduser()
    told = read_json(folder / "manifest.json", Training, missing_ok=True)
    if not told and (folder / _STARTED).exists():
        raise UserError(f"retriever_model: the training in {folder} was not finished", "run the same command again")
    if told.get("settings", {}).get("objective", OBJECTIVE) != OBJECTIVE:
        what = f"retriever_model: the adapter in {folder} answers questions and does not search"
        raise UserError(what, "name a folder that was trained with objective: retriever")
    base = recipe.resolve()
    if not stands_on(folder, base):
        raise UserError(
            f"retriever_model: the retriever in {folder} was trained on {base_name(folder)}, not on {base.name} as it "
            "is here",
            "set model_name_or_path and model_revision to what it was trained on",
        )
    if keys.retriever_query_prompt is not None or keys.retriever_passage_prompt is not None:
        what = f"the retriever in {folder} was trained with prompts of its own"
        raise UserError(what, "leave retriever_query_prompt and retriever_passage_prompt out")
    identity = f"{base.name} ({tuned_fingerprint(base, folder)}), {recipe.dtype().name}"
    from hf_selfdemo.generation.representations import with_adapter

    return with_adapter(*without_frozen_layers(recipe).load(base), folder, identity)
