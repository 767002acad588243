"""The folder that a training writes into: whose it is, and whether the same training has come to its end there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import Training
from hf_selfdemo.core.claim import differing
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.manifest import file_hash, read_json, rows_fingerprint
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.tuned import weights_of
from hf_selfdemo.recipe.config import TrainArguments
from hf_selfdemo.recipe.evidence import has_dev
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.reward import reward_settings
from hf_selfdemo.recipe.start import Start
from hf_selfdemo.training.decisive import decisive_keys

WORDS = {
    "data": "demonstrations",
    "base": "base model",
    "start_from": "weights to start from",
    "dev": "dev questions or passages",
}
"""What the hashes among the settings are of."""


def further_training(recipe: Recipe, settings: dict[str, Any], usual: dict[str, Any]) -> str:
    """What to do where the model's folder holds another training, as a remedy: the variant that has these settings, or
    the next number that names none yet."""
    there = {path.parent.name.removeprefix("model-"): path for path in recipe.output_dir.glob("model-*/run.json")}
    same = (name for name, path in there.items() if not differing(read_json(path), settings, usual))
    name = next(same, None) or next(str(n) for n in count(2) if not (recipe.output_dir / f"model-{n}").exists())
    return f"to keep both, give the same command with --variant {name}"


def is_trained(target: Path, settings: dict[str, Any], usual: dict[str, Any]) -> bool:
    """Whether the folder holds the result of this very training; its manifest is the last to be written there."""
    path = target / "manifest.json"
    if not path.exists() or differing(read_json(path, Training, "settings")["settings"], settings, usual):
        return False
    weights_of(target)  # refuses a model that was damaged since
    return True


def all_settings(recipe: Recipe, start: Start, dev: Sequence[Evidence]) -> dict[str, Any]:
    """What decides the weights: the options, and hashes of the demonstrations, the base, what it starts from, and the
    dev rows that are asked."""
    return training_settings(recipe) | {
        "data": file_hash(recipe.output_dir / "demonstrations" / "train.parquet"),
        "base": start.model.fingerprint,
        "start_from": start.weights,
        "dev": rows_fingerprint(map(asdict, dev)) if dev else "",
    }


OTHER_FOLDER = "choose another output_dir"
"""What to do where the folder of a retriever holds another training."""


def retriever_folder(recipe: Recipe) -> Path:
    """Where a trained retriever is.

    Raises:
        UserError: if `variant` is set: a run has one retriever.
    """
    if recipe.train.variant:
        raise UserError("variant is set and objective is 'retriever'", OTHER_FOLDER)
    return recipe.output_dir / "retriever"


def retriever_settings(recipe: Recipe, base: ResolvedModel) -> dict[str, Any]:
    """The same for a retriever, which starts from the base alone and asks no dev rows."""
    data = file_hash(recipe.output_dir / "demonstrations" / "train.parquet")
    return training_settings(recipe) | {"data": data, "base": base.fingerprint}


def training_settings(recipe: Recipe) -> dict[str, Any]:
    """What decides the weights: model and training keys, without paths, tokens and logging."""
    dtype = {"dtype": recipe.dtype(training=True).name} if recipe.model.dtype == "auto" else {}  # as on this machine
    keys = asdict(recipe.model) | dtype | recipe.training.to_dict() | {"objective": recipe.train.objective}
    return decisive_keys(keys, usual_settings(recipe)) | reward_settings(recipe)


def usual_settings(recipe: Recipe) -> dict[str, Any]:
    """The defaults of these keys."""
    return defaults(type(recipe.model), type(recipe.training), TrainArguments)


def evaluates(recipe: Recipe) -> bool:
    """Whether dev questions are asked while training."""
    return has_dev(recipe.data) and plain_strategy(recipe.training.eval_strategy) != "no"


def plain_strategy(strategy: Any) -> str:
    """The name of a strategy, which transformers turns into an enumeration."""
    return str(getattr(strategy, "value", strategy))
