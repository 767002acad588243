"""The work of the cluster for `evaluate`: answer and label, one model after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.types import Evidence, Mode
from hf_selfdemo.core.worker_ledger import WorkerLedger
from hf_selfdemo.evaluation.predict import predict
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.generation.recorded import RecordedGenerator
from hf_selfdemo.generation.tuned import weights_hash
from hf_selfdemo.recipe.engine import recipe_judge
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.cluster.runner import Cluster
from hf_selfdemo.verbs.cluster.writing import model_here
from hf_selfdemo.verbs.columns import Asked
from hf_selfdemo.verbs.networks import Networks


def answer_elsewhere(
    cluster: Cluster,
    rows: OnDisk[Evidence],
    model: ResolvedModel,
    columns: Sequence[Asked],
    modes: Sequence[Mode],
) -> dict[Path | None, str]:
    """Make the calls of evaluating on a cluster.

    Args:
        cluster: the cluster. It runs one model after the other, so that each worker has one in memory.
        rows: the rows to answer.
        model: the base model.
        columns: the columns to compare.
        modes: with passages, without, or both.

    Returns:
        The identity of the engine that replied, by the folder of its weights.
    """
    by_weights: dict[Path | None, list[Asked]] = {}
    for column in columns:
        by_weights.setdefault(column.weights, []).append(column)
    found = {}
    for weights, asked in by_weights.items():
        known = weights_hash(weights) if weights else ""
        job = Answer(cluster.recipe, model, asked, modes, known, cluster.folder)
        found[weights] = cluster.call(f"evaluate {asked[0].name}", rows, job)
    return found


@dataclass(frozen=True)
class Answer:
    """Makes the calls of the columns that share their weights, into the worker's cache."""

    recipe: Recipe
    model: ResolvedModel
    columns: Sequence[Asked]
    modes: Sequence[Mode]
    weights: str
    folder: str

    def open(self) -> Callable[[list[Evidence]], tuple[int, str]]:
        """Check the weights. Models are loaded when they are asked."""
        recipe, weights = self.recipe, self.columns[0].weights
        if weights and (not weights.is_dir() or weights_hash(weights) != self.weights):
            what = f"{weights} is missing or differs from the one on the machine where the command was started"
            raise UserError(what, "put output_dir and adapters into a folder that all machines share")
        networks = Networks(recipe, model_here(recipe, self.model), held=2 if weights else 1)
        ledger = WorkerLedger(CallFiles(self.folder))
        judge = recipe_judge(recipe, recipe.evaluate.evaluate_judge)
        asked, base = (RecordedGenerator(networks.engine(folder), ledger) for folder in (weights, None))

        def work(block: list[Evidence]) -> tuple[int, str]:
            for column in self.columns:
                for mode in self.modes:
                    predict(block, asked, judge, mode, column.answerer, judge_generator=base)
            return len(block), asked.identity

        return work
