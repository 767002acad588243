"""`hf-selfdemo preflight`: what `train` looks at before its first step, without the weights."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from datasets import Dataset
from transformers import AutoConfig, GenerationConfig

from hf_selfdemo.core.artefacts import Demonstrations
from hf_selfdemo.core.console import show, waiting
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.data.rows import FEATURES, evidence_of, evidence_row
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.recipe.evidence import has_dev, recipe_evidence, recipe_questions
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.start import start_tokenizer, training_start
from hf_selfdemo.training.base import collator_of
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.grpo import check_rollouts, prompt_collator_of
from hf_selfdemo.training.pair_rows import with_pairs
from hf_selfdemo.training.preflight import preflight
from hf_selfdemo.training.rewardable import rewardable
from hf_selfdemo.training.sessions import check_sessions


def run_preflight(recipe: Recipe) -> None:
    """Check the demonstrations, and dev and test questions against them; print the report.

    Raises:
        UserError: naming everything that must be fixed before training.
    """
    source = recipe.output_dir / "demonstrations"
    if not (source / "train.parquet").exists():
        raise UserError(f"{source} holds no demonstrations", "run `hf-selfdemo demonstrate` with the same config first")
    args, objective = recipe.training, recipe.train.objective
    start = training_start(recipe)
    tokenizer, dataset = start_tokenizer(recipe, start), load_demonstrations(source)
    if len(dataset) and objective in _TRAINED:
        dataset, _ = _TRAINED[objective](dataset)
    if objective == "grpo":
        check_rollouts(args, len(dataset))
        sessions = recipe.method.sessions()
        if sessions is not None:
            check_sessions(sessions, args, tokenizer, map(evidence_of, dataset))
        collator: SelfDemoDataCollator = prompt_collator_of(args, tokenizer, sessions=sessions)
    else:
        collator = collator_of(args, tokenizer, objective == "dpo", tokens=recipe.method.method.tokens)
    dev, test = _dev_rows(recipe), asked_later(recipe)
    with waiting("looking at every row"):
        report = preflight(
            dataset,
            collator,
            eval_dataset=dev,
            test_rows=test,
            choosing=bool(args.metric_for_best_model and args.load_best_model_at_end),
            model=_without_weights(start.model, args.trust_remote_code),
            writer=written_by(source) | {"trained": start.fingerprint, "origin": start.origin},
        )
    show(report)


_TRAINED = {"dpo": with_pairs, "grpo": rewardable}
"""What finds the rows that an objective trains, where it does not train all."""


def written_by(source: Path) -> dict[str, Any]:
    """Who wrote the demonstrations in a folder, as the manifest there tells; empty where the library's `demonstrate`
    made them, which does not know."""
    found: dict[str, Any] = read_json(source / "manifest.json", Demonstrations, missing_ok=True).get("model", {})
    return found


def _without_weights(model: ResolvedModel, trust_remote_code: bool) -> Any:
    """What a model says of itself before its weights are loaded."""
    with explained(f"the configuration in {model.path} cannot be read", "see that it is whole"):
        config = AutoConfig.from_pretrained(model.path, trust_remote_code=trust_remote_code)
        try:
            generation = GenerationConfig.from_pretrained(model.path)
        except OSError:  # older models have none of their own
            generation = GenerationConfig.from_model_config(config)
    return SimpleNamespace(name_or_path=model.name, config=config, generation_config=generation)


def _dev_rows(recipe: Recipe) -> Dataset | None:
    if not has_dev(recipe.data):
        return None
    rows = [evidence_row(row) for row in recipe_evidence(recipe, "dev")[0]]
    return Dataset.from_list(rows, features=FEATURES)


def asked_later(recipe: Recipe) -> list[dict[str, str]]:
    """Ids and texts of the questions that `evaluate` will ask.

    Raises:
        UserError: for questions that cannot be read.
    """
    if not recipe.data.test_questions:
        return []
    return [{"id": question.id, "question": question.text} for question in recipe_questions(recipe, "test")]
