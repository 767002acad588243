"""A retriever that was trained here: what a recipe may ask of its training, and the encoder that its folder holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import Training
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.generation.tuned import base_name, is_adapter, stands_on, tuned_fingerprint
from hf_selfdemo.recipe.recipe import Recipe

OBJECTIVE = "retriever"


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


def is_trained_retriever(name: str) -> bool:
    """Whether a name is the folder of an adapter that was trained to search, or that of a run with one in it."""
    folder = Path(name).expanduser()
    return bool(name) and (is_adapter(folder) or is_adapter(folder / "retriever"))


def trained_encoder(recipe: Recipe, name: str) -> Any:
    """The encoder in a folder, over the recipe's own model.

    Args:
        recipe: names the model that the adapter was trained on.
        name: `retriever_model` of the recipe.

    Raises:
        UserError: for a training that was not finished, a file that changed since, an adapter that answers instead of
            searching, or one of another model.
    """
    folder = Path(name).expanduser()
    folder = folder if is_adapter(folder) else folder / "retriever"
    told = read_json(folder / "manifest.json", Training, missing_ok=True)
    if not told and (folder / "run.json").exists():
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
    keys = recipe.retrieval
    if keys.retriever_query_prompt is not None or keys.retriever_passage_prompt is not None:
        what = f"the retriever in {folder} was trained with prompts of its own"
        raise UserError(what, "leave retriever_query_prompt and retriever_passage_prompt out")
    identity = f"{base.name} ({tuned_fingerprint(base, folder)}), {recipe.dtype().name}"
    from hf_selfdemo.generation.representations import with_adapter

    return with_adapter(*recipe.load(base), folder, identity)
