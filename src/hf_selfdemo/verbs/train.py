"""`hf-selfdemo train`: train an adapter, or all weights, on the demonstrations."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from datasets import Dataset

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.claim import claim_folder
from hf_selfdemo.core.console import progress, say, waiting
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import load
from hf_selfdemo.core.manifest import (
    to_disk,
    versions,
    write_checked_json,
    write_json,
)
from hf_selfdemo.core.memory import give_back
from hf_selfdemo.core.types import Evidence
from hf_selfdemo.data.rows import FEATURES, evidence_row
from hf_selfdemo.generation.tuned import model_hashes
from hf_selfdemo.methods.demonstrations import load_demonstrations
from hf_selfdemo.methods.method import METHOD_FILE
from hf_selfdemo.methods.openings import write_openings
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.recipe.reward import recipe_rewards
from hf_selfdemo.recipe.start import Start, load_start, training_start
from hf_selfdemo.training.checkpoints import last_checkpoint
from hf_selfdemo.training.pair_rows import row_of_pair
from hf_selfdemo.training.progress import report_progress
from hf_selfdemo.verbs.preflight import asked_later, written_by
from hf_selfdemo.verbs.processes import is_main_process, world_size
from hf_selfdemo.verbs.run_folders import trained_folders
from hf_selfdemo.verbs.training_folder import (
    WORDS,
    all_settings,
    evaluates,
    further_training,
    is_trained,
    plain_strategy,
    usual_settings,
)

TRAINERS = {
    "sft": "hf_selfdemo.training.sft:SelfDemoTrainer",
    "dpo": "hf_selfdemo.training.dpo:SelfDemoDPOTrainer",
    "grpo": "hf_selfdemo.training.grpo:SelfDemoGRPOTrainer",
}
"""The trainer of each objective that trains on texts."""


def run_train(recipe: Recipe) -> None:
    """Train on the demonstrations, and save the adapter, or the model if `use_peft` is false.

    If it was launched in several processes, all train, but only the first writes files and prints.
    """
    if recipe.train.objective == "retriever":
        from hf_selfdemo.verbs.train_retriever import train_retriever

        return train_retriever(recipe)
    source, target = recipe.output_dir / "demonstrations", recipe.model_folder
    if not (source / "train.parquet").exists():
        raise UserError(
            f"{source} contains no demonstrations", "run `hf-selfdemo demonstrate` with the same config first"
        )
    start = training_start(recipe)
    dev = recipe_evidence(recipe, "dev")[0] if evaluates(recipe) else []
    settings = all_settings(recipe, start, dev)
    usual = usual_settings(recipe)
    if is_trained(target, settings, usual):
        say(f"{target} is trained already")
        return
    if is_main_process():
        claim_folder(target, settings, further_training(recipe, settings, usual), WORDS, usual)
    dataset = load_demonstrations(source)
    trainer = _trainer(recipe, start, dataset, dev, written_by(source))
    _say_what_comes(recipe, trainer, dev)
    _account_for(dataset, trainer)
    with progress("train", 0) as advance:
        report_progress(trainer, advance, say)
        result = train_on(trainer, target)
    trainer.save_model(str(target))
    trainer.create_model_card(model_name=recipe.output_dir.name)
    if is_main_process():
        _write_checked_json(recipe, dataset, trainer, settings, start.model.name, result.metrics)
    _say_what_was_kept(_best(trainer))
    _say_what_to_compare(recipe)
    del trainer
    give_back()  # the trainer refers to itself, so model and optimizer would stay in memory during the next stage


def _account_for(dataset: Dataset, trainer: Any) -> None:
    """Check that every demonstration is trained on or listed as left out. Several pairs of one count as one."""
    left_out = [row for rows in getattr(trainer, "left_out", {}).values() for row in rows]
    trained = [name for name in trainer.train_dataset["id"] if row_of_pair(name) == name]
    account_for(dataset["id"], [*trained, *left_out], "making the trainer")


def _trainer(recipe: Recipe, start: Start, dataset: Dataset, dev: Sequence[Evidence], writer: dict[str, Any]) -> Any:
    """Make the trainer of the recipe's objective, with its model."""
    args = copy.copy(recipe.training)
    args.output_dir = str(recipe.model_folder)  # checkpoints are stored with the adapter
    args.disable_tqdm = True  # the command has a progress bar of its own
    network, tokenizer, options = load_start(recipe, start)
    rows = [evidence_row(row) for row in dev]
    test_rows = _known_test_rows(recipe)
    rewards = recipe_rewards(recipe)
    with waiting("checking every row"):
        trainer: Any = load("objective", recipe.train.objective, TRAINERS)(
            network,
            args,
            train_dataset=dataset,
            processing_class=tokenizer,
            eval_dataset=Dataset.from_list(rows, features=FEATURES) if rows else None,
            writer=writer | {"trained": start.fingerprint, "origin": start.origin},
            test_rows=test_rows,
            answerer=recipe.method.answerer(args.max_dev_tokens, args.seed),
            tokens=recipe.method.method.tokens,
            **options,
            **rewards,
        )
    return trainer


def _known_test_rows(recipe: Recipe) -> list[dict[str, str]]:
    """The test questions, to warn of those that are trained on. Training goes on if they cannot be read."""
    try:
        return asked_later(recipe)
    except UserError as error:
        say(f"warning: cannot check whether test questions are trained on: {error}")
        return []


def train_on(trainer: Any, target: Path) -> Any:
    """Train from the last checkpoint, if there is one. An interruption reports whether one was saved."""
    try:
        return trainer.train(resume_from_checkpoint=last_checkpoint(target))
    except KeyboardInterrupt as stop:
        found = last_checkpoint(target)
        if found:
            raise type(stop)(f"repeat the command to continue from {Path(found).name}") from None
        raise type(stop)(
            "no checkpoint was saved, so the same command starts at the first step (to save some, set save_strategy to "
            "steps or epoch)"
        ) from None


def _say_what_comes(recipe: Recipe, trainer: Any, dev: Sequence[Evidence]) -> None:
    report = trainer.preflight_report.as_dict()
    of_pairs = f" in {report['rows']} pairs" if trainer.preference else ""
    rows = f"{trainer.rows_trained} rows{of_pairs}"
    say(f"training on {rows}, {report['tokens']} tokens per epoch, longest row {report['longest']} tokens")
    if recipe.train.objective == "grpo" and not recipe.train.start_from:
        say("warning: GRPO starts from a model that has not learned to abstain; set start_from to an adapter that has")
    if dev:
        say(f"evaluating on {len(dev)} dev rows, eval_strategy {plain_strategy(recipe.training.eval_strategy)}")
    if recipe.implied:
        keys = ", ".join(f"{key} {value}" for key, value in recipe.implied.items())
        say(f"options that follow from others: {keys}")


def _say_what_to_compare(recipe: Recipe) -> None:
    """Where several models were trained in a run's folder, how all are compared."""
    found = [folder.name for folder in trained_folders(recipe.output_dir)]
    if len(found) > 1:
        say(f"`hf-selfdemo evaluate` with the same config compares the base with {', '.join(found)}")


def _say_what_was_kept(best: dict[str, Any]) -> None:
    if best:
        kept = f"the result is {best['checkpoint']}" if best["loaded"] else "the result is the model of the last step"
        say(f"best {best['metric']} {best['value']:.2f}; {kept}")


def _write_checked_json(
    recipe: Recipe, dataset: Dataset, trainer: Any, settings: dict[str, Any], base: str, metrics: Any
) -> None:
    """Write the files of a finished training, the manifest last."""
    report = trainer.preflight_report.as_dict()
    write_json(recipe.model_folder / METHOD_FILE, recipe.method.record())
    if not recipe.method.method.tokens:  # with control tokens, openings of abstentions are not used
        write_openings(recipe.model_folder, dataset.select_columns(["outcome", "response"]))
    to_disk(recipe.model_folder)
    write_checked_json(
        recipe.model_folder / "manifest.json",
        {
            "files": model_hashes(recipe.model_folder),
            "settings": settings,
            "base": base,
            "dtype": str(recipe.dtype(training=True)),
            "start_from": recipe.train.start_from or "",
            "processes": world_size(),
            "preflight": report,
            "rows_trained": trainer.rows_trained,
            **({"pairs_trained": report["rows"]} if trainer.preference else {}),
            "left_out": getattr(trainer, "left_out", {}),
            "on_policy": trainer.on_policy,
            "dev": _dev_figures(trainer.state.log_history),
            "best": _best(trainer),
            **_judging(trainer),
            "metrics": metrics,
            "log": trainer.state.log_history,
            "versions": versions(),
        },
    )


def _judging(trainer: Any) -> dict[str, Any]:
    """The usage of a judge that asks a model for rewards; {} for any other training."""
    asked = next((r for r in getattr(trainer, "reward_funcs", ()) if getattr(r, "generator", None)), None)
    if asked is None:
        return {}
    usage, reused = asdict(asked.generator.usage), asdict(asked.generator.reused)
    return {"judge": asked.judge.report(), "usage": usage, "reused": reused}


def _dev_figures(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The figures of each evaluation, in the order of training."""
    found = []
    for line in log:
        figures = {key.removeprefix("eval_"): value for key, value in line.items() if key.startswith("eval_")}
        if figures:
            found.append({"epoch": line.get("epoch"), "step": line.get("step"), **figures})
    return found


def _best(trainer: Any) -> dict[str, Any]:
    """The best evaluation by `metric_for_best_model`, and whether its checkpoint is the saved model."""
    state, args = trainer.state, trainer.args
    if state.best_metric is None:
        return {}
    return {
        "metric": args.metric_for_best_model,
        "value": state.best_metric,
        "checkpoint": Path(state.best_model_checkpoint).name if state.best_model_checkpoint else "",
        "loaded": bool(args.load_best_model_at_end and state.best_model_checkpoint),
    }
