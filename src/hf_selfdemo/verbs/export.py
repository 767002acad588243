"""`hf-selfdemo export`: write the evaluation for other tools, into `output_dir/export`."""

from __future__ import annotations

import json
from pathlib import Path

from hf_selfdemo.core.console import say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.manifest import write_text
from hf_selfdemo.core.remade import remade
from hf_selfdemo.evaluation.evaluated import Evaluation
from hf_selfdemo.evaluation.exports.lm_eval import write_tasks
from hf_selfdemo.evaluation.exports.ragas import ragas_rows
from hf_selfdemo.recipe.evidence import recipe_evidence
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.columns import recipe_answerer
from hf_selfdemo.verbs.evaluate import recipe_modes

EXPORTS = ("lm_eval", "ragas")


def run_export(recipe: Recipe) -> None:
    """Write the files of the tool `export_to`, and print their paths.

    Raises:
        UserError: for an unknown tool, a judge that the tool does not support, or if there are no replies yet.
    """
    name = recipe.export.export_to
    if name not in EXPORTS:
        raise UserError(f"unknown export_to {name!r}", did_you_mean(name, list(EXPORTS)))
    folder = recipe.output_dir / "export" / name
    for path in _lm_eval(recipe, folder) if name == "lm_eval" else _ragas(recipe, folder):
        say(f"wrote {path}")


def _lm_eval(recipe: Recipe, folder: Path) -> list[Path]:
    e = recipe.evaluate
    if e.evaluate_judge != "answer_match":
        raise UserError(
            f"evaluate_judge is {e.evaluate_judge!r}, but lm_eval can only match answers", "set it to answer_match"
        )
    evidence, _ = recipe_evidence(recipe, "test")
    return write_tasks(folder, evidence, recipe_modes(e), e.max_answer_tokens, recipe_answerer(recipe))


def _ragas(recipe: Recipe, folder: Path) -> list[Path]:
    """Write a file for each model. Only replies with passages are exported, because ragas needs contexts."""
    home = recipe.output_dir / "evaluation"
    evaluation = Evaluation(home) if (home / "manifest.json").exists() else None
    columns = map(evaluation.column, sorted(evaluation.columns)) if evaluation else ()
    written = {column.name: found for column in columns if (found := column.predictions.get("rag"))}
    if not written:
        raise UserError(f"{recipe.output_dir} contains no replies with passages", "run `hf-selfdemo evaluate` first")
    evidence, _ = recipe_evidence(recipe, "test")
    with remade(folder) as staging:
        for name, predictions in written.items():
            rows = ragas_rows(evidence, [(p.id, p.text) for p in predictions])
            write_text(staging / f"{name}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return [folder / f"{name}.jsonl" for name in written]
