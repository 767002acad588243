"""`hf-selfdemo train` with `objective: retriever`: train the adapter of a retriever, in `output_dir/retriever`."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from hf_selfdemo.core.claim import claim_folder
from hf_selfdemo.core.console import progress, say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import hashes
from hf_selfdemo.core.manifest import to_disk, versions, write_checked_json, write_json
from hf_selfdemo.core.memory import give_back
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.representations import SENTENCE_FILES
from hf_selfdemo.generation.tuned import model_hashes
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.methods.method import METHOD_FILE
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.start import check_targets
from hf_selfdemo.recipe.trained_retriever import refuse_keys, without_frozen_layers
from hf_selfdemo.training.progress import report_progress
from hf_selfdemo.training.retriever import RetrieverTrainer, check_lists
from hf_selfdemo.verbs.processes import is_main_process, world_size
from hf_selfdemo.verbs.train import train_on
from hf_selfdemo.verbs.training_folder import (
    OTHER_FOLDER,
    WORDS,
    is_trained,
    retriever_folder,
    retriever_settings,
    usual_settings,
)


def train_retriever(recipe: Recipe) -> None:
    """Train on the ranked lists, and save the adapter with the files for sentence-transformers.

    Raises:
        UserError: if there are no lists, or an option is not supported for a retriever.
    """
    source, target = recipe.output_dir / "demonstrations", retriever_folder(recipe)
    if not (source / "train.parquet").exists():
        raise UserError(
            f"{source} contains no demonstrations", "run `hf-selfdemo demonstrate` with the same config first"
        )
    refuse_keys(recipe)
    base = recipe.resolve()
    settings, usual = retriever_settings(recipe, base), usual_settings(recipe)
    if is_trained(target, settings, usual):
        say(f"{target} is trained already")
        return
    rows = load_demonstrations(source)
    check_lists(rows, recipe.training)
    if is_main_process():
        claim_folder(target, settings, OTHER_FOLDER, WORDS, usual)
    trainer = _trainer(recipe, base, rows, target)
    say(f"training a retriever on {len(rows)} lists of {sum(map(len, rows['passages']))} passages")
    with progress("train", 0) as advance:
        report_progress(trainer, advance, say)
        result = train_on(trainer, target)
    trainer.save_model(str(target))
    if is_main_process():
        write_json(target / METHOD_FILE, recipe.method.record())
        _write_manifest(recipe, trainer, settings, base.name, len(rows), result.metrics)
        keys = f"--retriever dense --retriever_model {target}"
        say(f"to use it for search, add {keys}")
    del trainer
    give_back()


def _trainer(recipe: Recipe, base: ResolvedModel, rows: Any, target: Path) -> RetrieverTrainer:
    from trl import get_peft_config

    args = copy.copy(recipe.training)
    args.output_dir, args.disable_tqdm = str(target), True
    network, tokenizer = without_frozen_layers(recipe).load(base, training=True)
    config: Any = get_peft_config(recipe.model)
    check_targets(config, network)
    return RetrieverTrainer(network, args, rows, tokenizer, config)


def _write_manifest(
    recipe: Recipe, trainer: RetrieverTrainer, settings: dict[str, Any], base: str, rows: int, metrics: Any
) -> None:
    """Write the manifest, the last file of a training."""
    target = recipe.output_dir / "retriever"
    to_disk(target)
    write_checked_json(
        target / "manifest.json",
        {
            "files": model_hashes(target) | hashes(target, [target / name for name in SENTENCE_FILES]),
            "settings": settings,
            "base": base,
            "dtype": str(recipe.dtype(training=True)),
            "processes": world_size(),
            "rows_trained": rows,
            "metrics": metrics,
            "log": trainer.state.log_history,
            "versions": versions(),
        },
    )
