"""The results of a trained model for a card, its metadata and the Hub's result files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import EvalResult, EvalResultEntry, eval_result_entries_to_yaml

from hf_selfdemo.core.artefacts import Training
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import read_json
from hf_selfdemo.core.types import Prediction
from hf_selfdemo.evaluation.evaluated import AT_POINT, Evaluation
from hf_selfdemo.evaluation.report import Asking, Comparison, figures_json
from hf_selfdemo.generation.tuned import weights_hash
from hf_selfdemo.hub.card import is_hub_id

FIGURES = {
    "accuracy": "correct",
    "accuracy_given_attempted": "correct, of attempted",
    "f_score": "F-score of these two",
    "hallucination_rate": "incorrect",
    "abstention_recall": "abstained, where no passage contains the answer",
    "false_refusals": "abstained, where a passage contains the answer",
}
"""The figures in metadata, all with passages. Their ids are also those in `.eval_results`."""

_MADE = ("objective", "seed", "data", "rows_trained", "train_runtime", "weights")
"""The values by which one training differs from another."""

_AGAIN = "run `hf-selfdemo evaluate` again; cached replies are not generated again"


@dataclass(frozen=True)
class Results:
    """The replies of a trained model and of its base, on the same rows.

    `runs` are predictions by model ("base" and "this model") and mode, for the modes in which both were asked. `judge`
    is the name of the judge, `manifest` is that of the evaluation, and `asking` is the cost of answering.
    """

    runs: Mapping[str, Mapping[str, Sequence[Prediction]]]
    judge: str
    manifest: Mapping[str, Any]
    asking: Asking = field(default_factory=dict)

    @property
    def modes(self) -> list[str]:
        """The modes in which both models were asked."""
        return list(self.runs["base"])

    @property
    def unscored(self) -> int:
        """The number of unscored replies of both models."""
        return sum(p.label == "unscored" for modes in self.runs.values() for found in modes.values() for p in found)

    @property
    def rows(self) -> int:
        """The number of questions."""
        return max((len(predictions) for predictions in self.runs["base"].values()), default=0)

    @property
    def figures(self) -> dict[str, dict[str, Any]]:
        """Value and 95% interval of each figure with passages, by model. Figures without a value are left out."""
        found = figures_json({name: {"rag": modes["rag"]} for name, modes in self.runs.items() if "rag" in modes})
        return {
            name: {key: modes["rag"][key] for key in FIGURES if modes["rag"][key]["value"] is not None}
            for name, modes in found.items()
        }

    @property
    def questions(self) -> list[str]:
        """The sources of the test questions: Hub ids, file names, or `embedded`."""
        named = self.manifest.get("data", {}).get("test_questions", [])
        return [name if is_hub_id(name) else Path(name).name for name in named]


def read_results(folder: Path, model: Path, column: str = "") -> Results | None:
    """Read an evaluation; None if there is none.

    Args:
        folder: the folder of the evaluation.
        model: the folder of the trained model, with the manifest of its training.
        column: the model's name in the evaluation; default: `tuned`, or the only trained model.

    Raises:
        UserError: if the evaluation is of an earlier version, another training or other weights, its files changed, or
            the two models have no mode in common or different judges.
    """
    if not (folder / "manifest.json").exists():
        return None
    evaluation = Evaluation(folder)
    column = column or _column(folder, evaluation.columns)
    recorded = evaluation.manifest["training"].get(column, {})
    trained = read_json(model / "manifest.json", Training)
    made = trained.get("settings", {}) | trained.get("metrics", {}) | trained | {"weights": weights_hash(model)}
    if column not in evaluation.columns or any(recorded.get(key) != made.get(key) for key in _MADE):
        raise UserError(f"{folder} contains no evaluation of this model, {column!r} is another training", _AGAIN)
    judges = evaluation.manifest["judges"]
    if "base" not in judges:
        raise UserError(f"{folder} contains no evaluation of the base model", _AGAIN)
    if judges["base"] != judges[column]:
        raise UserError(f"in {folder} the base model and {column!r} were labelled by different judges", _AGAIN)
    columns = [evaluation.column("base"), replace(evaluation.column(column), name="this model")]
    compared = Comparison(column, columns)
    runs = compared.runs
    if not runs["base"]:
        raise UserError(f"in {folder} the base model and {column!r} have no mode in common", _AGAIN)
    return Results(runs, judges[column].get("name", ""), evaluation.manifest, compared.asking)


def model_index(results: Results) -> list[EvalResult]:
    """The figures for a card's `model-index`."""
    kind = results.questions[0] if len(results.questions) == 1 else "custom"
    name = ", ".join(results.questions) or "custom"
    split = results.manifest.get("data", {}).get("test_split")
    return [
        EvalResult(
            task_type="question-answering",
            task_name="Question answering from retrieved passages",
            dataset_type=kind,
            dataset_name="embedded questions of hf-selfdemo" if name == "embedded" else name,
            dataset_split=split,
            metric_type=key,
            metric_name=FIGURES[key],
            metric_value=round(figure["value"], 4),
        )
        for key, figure in results.figures.get("this model", {}).items()
    ]


def eval_results_file(results: Results, benchmark: str) -> str:
    """Make the text of a file in `.eval_results/`.

    Args:
        results: the results of the model.
        benchmark: Hub id of the test questions' dataset. It must be registered as a benchmark with tasks named as in
            `FIGURES`, because the Hub ignores results of other datasets.

    Relations: each figure is an `EvalResultEntry` of huggingface_hub, from 0 to 1.
    """
    base = results.figures.get("base", {})
    entries = []
    for key, figure in results.figures.get("this model", {}).items():
        low, high = figure["interval"]
        before = f", base model {base[key]['value']:.4f}" if key in base else ""
        notes = f"with passages, {results.rows} rows, 95% interval {low:.4f} to {high:.4f}{before}"
        entries.append(EvalResultEntry(benchmark, key, round(figure["value"], 4), notes=notes))
    return str(yaml.safe_dump(eval_result_entries_to_yaml(entries), sort_keys=False, width=1000))


def _column(folder: Path, columns: list[str]) -> str:
    others = [name for name in columns if name != "base" and not name.endswith(AT_POINT)]
    if "tuned" in others or len(others) == 1:
        return "tuned" if "tuned" in others else others[0]
    if not others:
        raise UserError(f"{folder} contains no evaluation of a trained model", _AGAIN)
    raise UserError(f"{folder} has several trained models ({', '.join(columns)})", "name this one with `column`")
