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
from hf_selfdemo.models import resolve_model
from hf_selfdemo.prompts import templates_hash
from hf_selfdemo.report import figures_json, markdown_table, terminal_table
from hf_selfdemo.stages.console import console, progress, recall_line
from hf_selfdemo.stages.engine import in_process, ledger_path, recipe_judge
from hf_selfdemo.stages.evidence import recipe_evidence
from hf_selfdemo.stages.recipe import Recipe
from hf_selfdemo.types import Evidence, Mode

_FILE_WIDTH = 120
"""Columns for the table when its output goes to a file or a pipe."""


def run_evaluate(recipe: Recipe) -> None:
    """Compare the base model with every adapter on the test questions; print and write the table."""
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
    adapters, modes = _adapters(recipe), _modes(e)
    claim_folder(folder, settings)
    network, tokenizer = recipe.load(model)
    ledger, judge = Ledger(ledger_path(recipe)), recipe_judge(recipe, e.evaluate_judge)
    base = RecordedGenerator(in_process(recipe, network, tokenizer), ledger)
    runs: dict[str, dict[str, Any]] = {}
    usage: dict[str, Any] = {}
    models: dict[str, Path | None] = {"base": None, **adapters}
    total = sum(len(rows_asked(evidence, mode)) for mode in modes)
    with progress("evaluate", total * len(models)) as advance:
        for name, path in models.items():
            generator = base
            if path is not None:
                tuned = in_process(recipe, _tuned(network, path, name, recipe), tokenizer)
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
    wide = terminal if terminal.is_terminal else Console(width=_FILE_WIDTH)
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


def _adapters(recipe: Recipe) -> dict[str, Path]:
    pairs = recipe.evaluate.adapters or [f"tuned={recipe.output_dir / 'model'}"]
    adapters: dict[str, Path] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not equals or name == "base":
            raise UserError(f"adapters: {pair!r} is no name=folder pair", "write e.g. tuned=runs/quickstart/model")
        if not _weights(Path(path)):
            raise UserError(f"{path} holds no trained model", "run `hf-selfdemo train` with the same config first")
        adapters[name] = Path(path)
    return adapters


def _weights(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"))


def _tuned(network: Any, path: Path, name: str, recipe: Recipe) -> Any:
    """A fully tuned model, or the base with an adapter merged in (merging makes every step of decoding cheaper)."""
    if not (path / "adapter_config.json").exists():
        return recipe.load(resolve_model(str(path)))[0]
    from peft import PeftModel

    return PeftModel.from_pretrained(copy.deepcopy(network), path, adapter_name=name).merge_and_unload().eval()


def _show_replies(runs: Any, evidence: Sequence[Evidence], count: int) -> None:
    for i, row in enumerate(evidence[:count]):
        console.print(f"[bold]{row.question.text}[/]  ({', '.join(row.question.answers) or 'no answer known'})")
        for name, modes in runs.items():
            for mode, predictions in modes.items():
                if i < len(predictions):
                    console.print(f"  {name} {mode}: {predictions[i].text!r} ({predictions[i].label})", markup=False)
