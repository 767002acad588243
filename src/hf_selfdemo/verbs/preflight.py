"""`hf-selfdemo preflight`: the checks that `train` makes before its first step, without weights, and a verdict."""

from __future__ import annotations

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from datasets import Dataset
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig
from trl import get_peft_config

from hf_selfdemo.core.artefacts import Demonstrations
from hf_selfdemo.core.claim import refuse_other_run
from hf_selfdemo.core.console import show, waiting
from hf_selfdemo.core.errors import UserError, explained
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.data.rows import FEATURES, evidence_of, evidence_row
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.recipe.evidence import has_dev, recipe_evidence, recipe_questions
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.start import Start, check_targets, start_tokenizer, training_start
from hf_selfdemo.recipe.trained_retriever import refuse_keys
from hf_selfdemo.training.base import choose_best, collator_of
from hf_selfdemo.training.checkpoints import last_checkpoint
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.generated import GeneratedEvaluation
from hf_selfdemo.training.grpo import check_rollouts, prompt_collator_of
from hf_selfdemo.training.pair_rows import with_pairs
from hf_selfdemo.training.parameters import check_arguments
from hf_selfdemo.training.preflight import preflight
from hf_selfdemo.training.retriever import check_lists
from hf_selfdemo.training.rewardable import rewardable
from hf_selfdemo.training.sessions import check_sessions
from hf_selfdemo.verbs.training_folder import (
    OTHER_FOLDER,
    WORDS,
    all_settings,
    evaluates,
    further_training,
    is_trained,
    retriever_folder,
    retriever_settings,
    usual_settings,
)


def run_preflight(recipe: Recipe) -> None:
    """Check the demonstrations, and whether dev and test questions are among them. Print the report and a verdict.

    Raises:
        UserError: listing everything that must be fixed before training.
    """
    try:
        verdict = _look(recipe)
    except UserError as error:
        raise UserError(f"not ready to train: {error.what}", error.remedy) from None
    show(verdict)


def _look(recipe: Recipe) -> str:
    """Check everything that `train` would reject, print the report, and return the verdict."""
    source = recipe.output_dir / "demonstrations"
    if not (source / "train.parquet").exists():
        raise UserError(
            f"{source} contains no demonstrations", "run `hf-selfdemo demonstrate` with the same config first"
        )
    if recipe.train.objective == "retriever":
        return _look_at_lists(recipe, load_demonstrations(source))
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
    dev, test = recipe_evidence(recipe, "dev")[0] if has_dev(recipe.data) else [], asked_later(recipe)
    held_out = Dataset.from_list(list(map(evidence_row, dev)), features=FEATURES) if dev else None
    check_arguments(args, None, len(dataset))
    answerer = recipe.method.answerer(args.max_dev_tokens, args.seed)
    asking = GeneratedEvaluation(tokenizer, args.dev_modes, args.max_dev_tokens, answerer=answerer)
    choose_best(copy.copy(args), asking, held_out if evaluates(recipe) else None, objective == "dpo")
    model = _without_weights(recipe, start)
    with waiting("checking every row"):
        report = preflight(
            dataset,
            collator,
            eval_dataset=held_out,
            test_rows=test,
            choosing=bool(args.metric_for_best_model and args.load_best_model_at_end),
            model=model,
            writer=written_by(source) | {"trained": start.fingerprint, "origin": start.origin},
        )
    show(report)
    warnings = f", {len(report.warnings)} warnings above" if report.warnings else ""
    what = f"{report.rows:,} rows, {report.tokens:,} tokens an epoch{warnings}"
    settings = all_settings(recipe, start, dev if evaluates(recipe) else [])
    usual = usual_settings(recipe)
    refuse_other_run(recipe.model_folder, settings, further_training(recipe, settings, usual), WORDS, usual)
    return _verdict(recipe.model_folder, settings, usual, what)


def _look_at_lists(recipe: Recipe, rows: Dataset) -> str:
    """Check the ranked lists of a retriever, and return the verdict."""
    refuse_keys(recipe)
    check_lists(rows, recipe.training)
    settings, usual = retriever_settings(recipe, recipe.resolve()), usual_settings(recipe)
    target = retriever_folder(recipe)
    refuse_other_run(target, settings, OTHER_FOLDER, WORDS, usual)
    return _verdict(target, settings, usual, f"{len(rows)} ranked lists")


def _verdict(target: Path, settings: dict[str, Any], usual: dict[str, Any], what: str) -> str:
    """The verdict: whether `train` would start, continue, or find a finished training."""
    if is_trained(target, settings, usual):
        return f"verdict: {target} is trained already ({what})"
    checkpoint = last_checkpoint(target)
    goes_on = f", from {Path(checkpoint).name} on" if checkpoint else ""
    return f"verdict: ready to train{goes_on} ({what})"


_TRAINED = {"dpo": with_pairs, "grpo": rewardable}
"""Functions that select the rows for objectives that do not train on all rows."""


def written_by(source: Path) -> dict[str, Any]:
    """The model that wrote the demonstrations in a folder, from its manifest; {} if the manifest does not name it."""
    found: dict[str, Any] = read_json(source / "manifest.json", Demonstrations, missing_ok=True).get("model", {})
    return found


def _without_weights(recipe: Recipe, start: Start) -> Any:
    """The configuration of a model, without its weights.

    Raises:
        UserError: if the configuration cannot be read, or the model lacks the modules that LoRA should train.
    """
    model, trust_remote_code = start.model, recipe.training.trust_remote_code
    with explained(
        f"the configuration in {model.path} cannot be read", "restore its config.json, or download the model again"
    ):
        config = AutoConfig.from_pretrained(model.path, trust_remote_code=trust_remote_code)
        try:
            generation = GenerationConfig.from_pretrained(model.path)
        except OSError:  # older models have no generation_config.json
            generation = GenerationConfig.from_model_config(config)
    adapters: Any = None if start.adapter else get_peft_config(recipe.model)
    if adapters is not None:
        with torch.device("meta"):
            check_targets(adapters, AutoModelForCausalLM.from_config(config, trust_remote_code=trust_remote_code))
    return SimpleNamespace(name_or_path=model.name, config=config, generation_config=generation)


def asked_later(recipe: Recipe) -> list[dict[str, str]]:
    """The ids and texts of the questions that `evaluate` will ask.

    Raises:
        UserError: if the questions cannot be read.
    """
    if not recipe.data.test_questions:
        return []
    return [{"id": question.id, "question": question.text} for question in recipe_questions(recipe, "test")]
