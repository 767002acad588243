"""`hf-selfdemo preflight`: what `train` looks at before its first step, without the weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from datasets import Dataset
from rich.console import Console
from transformers import AutoConfig, GenerationConfig

from hf_selfdemo.demonstrations import load_demonstrations
from hf_selfdemo.errors import UserError
from hf_selfdemo.manifest import read_json
from hf_selfdemo.models import ResolvedModel, load_tokenizer
from hf_selfdemo.rows import FEATURES, evidence_row
from hf_selfdemo.stages.console import waiting
from hf_selfdemo.stages.evidence import recipe_evidence
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.stages.tuned import is_adapter
from hf_selfdemo.training.base import collator_of
from hf_selfdemo.training.dpo import with_pairs
from hf_selfdemo.training.preflight import preflight

_FILE_WIDTH = 120
"""Columns for the report when it goes to a file or a pipe."""


def run_preflight(recipe: Recipe) -> None:
    """Check the demonstrations, and dev and test questions against them; print the report.

    Raises:
        UserError: naming everything that must be mended before training.
    """
    source = recipe.output_dir / "demonstrations"
    if not (source / "train.parquet").exists():
        raise UserError(f"{source} holds no demonstrations", "run `hf-selfdemo demonstrate` with the same config first")
    args, preference = recipe.training, recipe.train.objective == "dpo"
    model, base = _models(recipe)
    collator = collator_of(args, load_tokenizer(base, args.trust_remote_code), preference)
    dataset = load_demonstrations(source)
    if preference and len(dataset):
        dataset, _ = with_pairs(dataset)
    dev, test = _dev_rows(recipe), _test_rows(recipe)
    with waiting("looking at every row"):
        report = preflight(
            dataset,
            collator,
            eval_dataset=dev,
            test_rows=test,
            choosing=bool(args.metric_for_best_model and args.load_best_model_at_end),
            model=_without_weights(base, args.trust_remote_code),
            writer=read_json(source / "manifest.json")["model"] | {"trained": model.fingerprint},
        )
    terminal = Console()
    (terminal if terminal.is_terminal else Console(width=_FILE_WIDTH)).print(report)


def _models(recipe: Recipe) -> tuple[ResolvedModel, ResolvedModel]:
    """What training starts from, and where its config and tokenizer are: under an adapter, those of its base."""
    if not recipe.train.start_from:
        model = recipe.resolve()
        return model, model
    folder = Path(recipe.train.start_from)
    model = recipe.resolve_tuned(folder)
    return model, recipe.base_of(folder) if is_adapter(folder) else model


def _without_weights(model: ResolvedModel, trust_remote_code: bool) -> Any:
    """What a model says of itself before its weights are loaded."""
    config = AutoConfig.from_pretrained(model.path, trust_remote_code=trust_remote_code)
    try:
        generation = GenerationConfig.from_pretrained(model.path)
    except OSError:  # older models have none of their own
        generation = GenerationConfig.from_model_config(config)
    return SimpleNamespace(name_or_path=model.name, config=config, generation_config=generation)


def _dev_rows(recipe: Recipe) -> Dataset | None:
    if not recipe.data.dev_questions:
        return None
    rows = [evidence_row(row) for row in recipe_evidence(recipe, "dev")[0]]
    return Dataset.from_list(rows, features=FEATURES)


def _test_rows(recipe: Recipe) -> list[dict[str, str]]:
    if not recipe.data.test_questions:
        return []
    return [{"id": row.id, "question": row.question.text} for row in recipe_evidence(recipe, "test")[0]]
