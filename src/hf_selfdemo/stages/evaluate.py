"""`hf-selfdemo evaluate`."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from rich.console import Console

from hf_selfdemo.config import EvaluateArguments
from hf_selfdemo.errors import UserError
from hf_selfdemo.evaluation import predict, rows_asked
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.ledger import Ledger
from hf_selfdemo.loading import did_you_mean
from hf_selfdemo.manifest import claim_folder, fingerprint, versions, write_json, write_text
from hf_selfdemo.models import ResolvedModel
from hf_selfdemo.prompts import templates_hash
from hf_selfdemo.report import figures_json, markdown_table, terminal_table
from hf_selfdemo.stages.console import console, progress, recall_line
from hf_selfdemo.stages.engine import in_process, ledger_path, recipe_judge
from hf_selfdemo.stages.evidence import recipe_evidence
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.stages.rounds import round_models
from hf_selfdemo.stages.tuned import is_adapter, merged, weights_of
from hf_selfdemo.types import Evidence, Mode

_COLUMN_WIDTH = 24
"""Characters a column of the table when its output goes to a file or a pipe."""


def run_evaluate(recipe: Recipe) -> None:
    """Compare the base model with what was trained, on the test questions; print and write the table."""
    e = recipe.evaluate
    folder = recipe.output_dir / "evaluation"
    evidence, recall = recipe_evidence(recipe, "test")
    model = recipe.resolve()
    settings = {
        "base": model.fingerprint,
        "templates": templates_hash(),
        "evidence": fingerprint([asdict(row) for row in evidence]),
        "max_answer_tokens": e.max_answer_tokens,
    }
    tuned_models, modes = _tuned_models(recipe), _modes(e)
    claim_folder(folder, settings)
    network, tokenizer = recipe.load(model)
    ledger, judge = Ledger(ledger_path(recipe)), recipe_judge(recipe, e.evaluate_judge)
    base = RecordedGenerator(in_process(recipe, network, tokenizer), ledger)
    runs: dict[str, dict[str, Any]] = {}
    usage: dict[str, Any] = {}
    models: dict[str, Path | None] = {"base": None, **tuned_models}
    total = sum(len(rows_asked(evidence, mode)) for mode in modes)
    with progress("evaluate", total * len(models)) as advance:
        for name, path in models.items():
            generator = base
            if path is not None:
                tuned = in_process(recipe, _tuned(network, path, recipe, model), tokenizer)
                generator = RecordedGenerator(tuned, ledger)
            runs[name] = {
                mode: predict(
                    evidence,
                    generator,
                    judge,
                    mode,
                    e.max_answer_tokens,
                    judge_generator=base,
                    on_progress=advance,
                )
                for mode in modes
            }
            usage[name] = asdict(generator.usage)
            for mode, predictions in runs[name].items():
                lines = (json.dumps(asdict(p), ensure_ascii=False) + "\n" for p in predictions)
                write_text(folder / "predictions" / f"{name}.{mode}.jsonl", "".join(lines))
    title = f"{model.name}: {len(evidence)} test rows"
    console.print(recall_line(recall))
    terminal = Console()
    wide = terminal if terminal.is_terminal else Console(width=_COLUMN_WIDTH * (len(runs) + 3))
    wide.print(terminal_table(runs, title))
    write_text(folder / "table.md", f"{title}\n\n{markdown_table(runs)}")
    write_json(folder / "figures.json", figures_json(runs))
    write_json(
        folder / "manifest.json",
        {
            "settings": settings,
            "recall": recall,
            "models": {name: str(path or "") for name, path in models.items()},
            "usage": usage,
            "versions": versions(),
        },
    )
    _show_replies(runs, evidence, e.predictions_shown)


def _modes(e: EvaluateArguments) -> list[Mode]:
    known: tuple[Mode, ...] = get_args(Mode)
    for mode in e.evaluate_modes:
        if mode not in known:
            raise UserError(f"evaluate_modes: {mode!r} is unknown", did_you_mean(mode, list(known)))
    return [mode for mode in known if mode in e.evaluate_modes]


def _tuned_models(recipe: Recipe) -> dict[str, Path]:
    """Folders by column: those that the recipe names, else what was trained in its output_dir."""
    if recipe.evaluate.adapters:
        return dict(map(_named_folder, recipe.evaluate.adapters))
    if recipe.train.num_rounds > 1:
        return round_models(recipe)
    weights_of(recipe.output_dir / "model")
    return {"tuned": recipe.output_dir / "model"}


def _named_folder(pair: str) -> tuple[str, Path]:
    name, equals, path = pair.partition("=")
    if not equals or name == "base":
        raise UserError(f"adapters: {pair!r} is no name=folder pair", "write e.g. tuned=runs/quickstart/model")
    weights_of(Path(path))
    return name, Path(path)


def _tuned(network: Any, folder: Path, recipe: Recipe, base: ResolvedModel) -> Any:
    """A fully tuned model, or an adapter merged into its base, which is mostly `network`."""
    if is_adapter(folder) and recipe.base_of(folder) == base:
        return merged(copy.deepcopy(network), folder)
    return recipe.load(recipe.resolve_tuned(folder))[0]


def _show_replies(runs: Any, evidence: Sequence[Evidence], count: int) -> None:
    for i, row in enumerate(evidence[:count]):
        console.print(f"[bold]{row.question.text}[/]  ({', '.join(row.question.answers) or 'no answer known'})")
        for name, modes in runs.items():
            for mode, predictions in modes.items():
                if i < len(predictions):
                    console.print(f"  {name} {mode}: {predictions[i].text!r} ({predictions[i].label})", markup=False)
