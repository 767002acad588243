"""The work of the cluster for `demonstrate`: search passages, write and judge candidates."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.conversation import converse
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Evidence, Source
from hf_selfdemo.core.worker_ledger import WorkerLedger
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.methods.demonstrations import judged_row
from hf_selfdemo.recipe.engine import named_model, open_engine, recipe_judge
from hf_selfdemo.recipe.evidence import Find, evidence_retriever
from hf_selfdemo.recipe.recipe import Recipe


@dataclass(frozen=True)
class Search:
    """Searches passages. Each worker has a retriever. A saved index is memory-mapped and so shared on a machine."""

    recipe: Recipe
    part: str
    find: Find

    def open(self) -> Callable[[list[Any]], list[Evidence]]:
        """Make the retriever."""
        retriever = evidence_retriever(self.recipe, self.part)
        return lambda block: self.find(retriever, block)


@dataclass(frozen=True)
class Write:
    """Makes all calls of demonstrating, into the worker's cache."""

    recipe: Recipe
    model: ResolvedModel
    instructions: dict[Source, list[str]]
    folder: str

    def open(self) -> Callable[[list[Evidence]], tuple[int, str]]:
        """Load the model, or connect to the server."""
        recipe, keys = self.recipe, self.recipe.engine
        strategy = recipe.method.strategy(recipe.demonstrate.demonstrate_seed, self.instructions)
        judge = recipe_judge(recipe, recipe.judge.judge)
        engine = open_engine(recipe, model_here(recipe, self.model), WorkerLedger(CallFiles(self.folder)))
        generator = engine.generator

        def work(block: list[Evidence]) -> tuple[int, str]:
            dialogues = (judged_row(row, strategy, judge) for row in block)
            deque(converse(dialogues, generator, keys.window), maxlen=0)
            return len(block), generator.identity

        return work


def model_here(recipe: Recipe, model: ResolvedModel) -> ResolvedModel:
    """The same model on this machine.

    Raises:
        UserError: if this machine has another model.
    """
    if not model.path or os.path.exists(model.path):
        return model
    found = named_model(recipe)
    if found.fingerprint != model.fingerprint:
        what = f"{found.name} differs from the model on the machine where the command was started"
        raise UserError(what, "set model_revision, or name a folder that all machines share")
    return found
