"""`hf-selfdemo train`."""

from __future__ import annotations

import copy
import logging
from dataclasses import asdict
from typing import Any

from transformers.trainer_utils import get_last_checkpoint
from trl import get_peft_config

from hf_selfdemo.demonstrations import load_demonstrations
from hf_selfdemo.errors import UserError
from hf_selfdemo.manifest import claim_folder, file_hash, read_json, versions, write_json
from hf_selfdemo.stages.console import console, progress
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.training.progress import report_progress
from hf_selfdemo.training.sft import SelfDemoTrainer

logger = logging.getLogger(__name__)


def run_train(recipe: Recipe) -> None:
    """Train on the demonstrations and save the adapter (or the model, without LoRA)."""
    source = recipe.output_dir / "demonstrations"
    if not (source / "train.parquet").exists():
        raise UserError(f"{source} holds no demonstrations", "run `hf-selfdemo demonstrate` with the same config first")
    target = recipe.output_dir / "model"
    model = recipe.resolve()
    manifest = read_json(source / "manifest.json")
    writer = manifest["model"]
    if writer["fingerprint"] != model.fingerprint and writer["fingerprint"] != f"server/{model.name}":
        logger.warning("the demonstrations were written by %s, not by the model trained here", writer["name"])
    settings = {"data": file_hash(source / "train.parquet"), "base": model.fingerprint, **_training_keys(recipe)}
    if claim_folder(target, settings) and (target / "manifest.json").exists():
        console.print(f"{target} is trained already")
        return
    args = copy.copy(recipe.training)
    args.output_dir, args.disable_tqdm = str(target), True  # checkpoints go beside the adapter; one bar, ours
    network, tokenizer = recipe.load(model)
    dataset, adapter = load_demonstrations(source), get_peft_config(recipe.model)
    trainer = SelfDemoTrainer(network, args, dataset, tokenizer, peft_config=adapter)
    report = trainer.preflight_report
    console.print(f"training on {report['rows']} rows, {report['tokens']} tokens an epoch, longest {report['longest']}")
    with progress("train", 0) as advance:
        report_progress(trainer, advance)
        result = trainer.train(resume_from_checkpoint=get_last_checkpoint(str(target)))
    trainer.save_model(str(target))
    write_json(
        target / "manifest.json",
        {
            "settings": settings,
            "base": model.name,
            "preflight": trainer.preflight_report,
            "rows_trained": report["rows"],
            "metrics": result.metrics,
            "log": trainer.state.log_history,
            "versions": versions(),
        },
    )


def _training_keys(recipe: Recipe) -> dict[str, Any]:
    """What decides the weights: model and training keys, without paths, tokens and logging."""
    left_out = (
        "output_dir",
        "token",
        "hub_",
        "push_",
        "logging",
        "report_to",
        "run_name",
        "project",
        "trackio",
        "save_",
    )
    keys = asdict(recipe.model) | recipe.training.to_dict()
    return {k: v for k, v in keys.items() if not any(part in k for part in left_out) and v is not None}
