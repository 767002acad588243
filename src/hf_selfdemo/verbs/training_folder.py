"""The folder of a training: its settings, and whether a training with these settings is finished there."""

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
"""The words for settings in messages about a difference."""


def further_training(recipe: Recipe, settings: dict[str, Any], usual: dict[str, Any]) -> str:
    """The remedy if the folder contains another training: the variant with these settings, or the next free one."""
    there = {path.parent.name.removeprefix("model-"): path for path in recipe.output_dir.glob("model-*/run.json")}
    same = (name for name, path in there.items() if not differing(read_json(path), settings, usual))
    name = next(same, None) or next(str(n) for n in count(2) if not (recipe.output_dir / f"model-{n}").exists())
    return f"to keep both, add --variant {name}"


def is_trained(target: Path, settings: dict[str, Any], usual: dict[str, Any]) -> bool:
    """Whether the folder contains the finished result of training with these settings."""
    path = target / "manifest.json"
    if not path.exists() or differing(read_json(path, Training, "settings")["settings"], settings, usual):
        return False
    weights_of(target)  # raises if the weights were damaged since
    return True


def all_settings(recipe: Recipe, start: Start, dev: Sequence[Evidence]) -> dict[str, Any]:
    """The settings that decide the weights: options, and hashes of demonstrations, base, start weights and dev rows."""
    return training_settings(recipe) | {
        "data": file_hash(recipe.output_dir / "demonstrations" / "train.parquet"),
        "base": start.model.fingerprint,
        "start_from": start.weights,
        "dev": rows_fingerprint(map(asdict, dev)) if dev else "",
    }


OTHER_FOLDER = "choose another output_dir"
"""The remedy if the folder of a retriever contains another training."""


def retriever_folder(recipe: Recipe) -> Path:
    """The folder of the trained retriever.

    Raises:
        UserError: if `variant` is set, because a run has only one retriever.
    """
    if recipe.train.variant:
        raise UserError("variant is set, but a run has only one retriever", OTHER_FOLDER)
    return recipe.output_dir / "retriever"


def retriever_settings(recipe: Recipe, base: ResolvedModel) -> dict[str, Any]:
    """The settings of a retriever, which starts from the base model and uses no dev rows."""
    data = file_hash(recipe.output_dir / "demonstrations" / "train.parquet")
    return training_settings(recipe) | {"data": data, "base": base.fingerprint}


def training_settings(recipe: Recipe) -> dict[str, Any]:
    """The options of model and training that decide the weights, without paths, tokens and logging."""
    dtype = {"dtype": recipe.dtype(training=True).name} if recipe.model.dtype == "auto" else {}  # as resolved here
    keys = asdict(recipe.model) | dtype | recipe.training.to_dict() | {"objective": recipe.train.objective}
    return decisive_keys(keys, usual_settings(recipe)) | reward_settings(recipe)


def usual_settings(recipe: Recipe) -> dict[str, Any]:
    """The defaults of these options."""
    return defaults(type(recipe.model), type(recipe.training), TrainArguments)


def evaluates(recipe: Recipe) -> bool:
    """Whether training evaluates on dev questions."""
    return has_dev(recipe.data) and plain_strategy(recipe.training.eval_strategy) != "no"


def plain_strategy(strategy: Any) -> str:
    """The name of a strategy, which transformers converts to an Enum."""
    return str(getattr(strategy, "value", strategy))
