"""Make the calls of a command on a Ray cluster, and collect them from the workers' caches in that of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hf_selfdemo.core.call_files import CallFiles
from hf_selfdemo.core.console import progress, say
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ledger import Ledger
from hf_selfdemo.core.on_disk import OnDisk
from hf_selfdemo.core.types import Evidence, Source
from hf_selfdemo.generation.models import ResolvedModel
from hf_selfdemo.recipe.engine import ledger_path, refuse_other_model
from hf_selfdemo.recipe.evidence import Searching
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.cluster.connection import connect
from hf_selfdemo.verbs.cluster.stage import Job, spread
from hf_selfdemo.verbs.cluster.writing import Search, Write

_BLOCKS_A_WORKER = 4
"""Minimum number of blocks per worker, so that workers finish at about the same time."""

_LARGEST_BLOCK = 256
"""Maximum number of rows of a block. A repeated block finds its finished calls in the caches."""


class Cluster:
    """Makes the calls of one command on a cluster.

    Args:
        recipe: a recipe with `runner: ray`.

    Raises:
        UserError: if the cluster cannot be joined, one of its nodes cannot take part, or the recipe names a shard.
    """

    def __init__(self, recipe: Recipe) -> None:
        keys = recipe.engine
        if keys.shard:
            raise UserError("runner is ray, but shard is set", "leave shard out, because Ray distributes the questions")
        self.recipe = recipe
        self.folder = keys.ray_ledgers or str((recipe.output_dir / "ledgers").absolute())
        if "://" not in self.folder:
            self.folder = str(Path(self.folder).absolute())
        self._room = connect(keys, self.folder)

    def searching(self, part: str) -> Searching | None:
        """The function that searches for the rows of a part; None if nothing is searched."""
        keys = self.recipe.retrieval
        if keys.retriever == "given" and not keys.reranker:
            return None
        return lambda find, lists: spread(Search(self.recipe, part, find), lists, self._room)

    def demonstrate(self, rows: OnDisk[Evidence], model: ResolvedModel, instructions: dict[Source, list[str]]) -> str:
        """Make the calls of demonstrating, and return the identity of the engine that replied."""
        return self.call("demonstrate", rows, Write(self.recipe, model, instructions, self.folder))

    def call(self, name: str, rows: OnDisk[Evidence], job: Job) -> str:
        """Make the calls of rows with a job, and collect them in the generation cache of the run.

        Args:
            name: the name of the work, for the progress bar.
            rows: the rows, which the job gets in blocks.
            job: the job, which returns the number of rows that it did and the identity of its engine.

        Returns:
            The identity of the engine, which is the same on all workers.
        """
        ledger, files = Ledger(ledger_path(self.recipe)), CallFiles(self.folder)
        for call in ledger.all_but(call[0] for call in files):
            files.append(call)
        identity = ""
        try:
            with progress(f"{name} on the cluster", len(rows)) as advance:
                for done, replied in spread(job, _blocks(rows, self._size(len(rows))), self._room):
                    refuse_other_model(replied, identity or replied)
                    identity = replied
                    advance(done)
        finally:
            new = ledger.add(files)
            ledger.close()
        say(f"{name}: collected {new} calls of the workers in {ledger.path}")
        return identity

    def _size(self, rows: int) -> int:
        least = self.recipe.engine.window
        return max(min(rows // (self._room.workers * _BLOCKS_A_WORKER), _LARGEST_BLOCK), least, 1)


def _blocks(rows: OnDisk[Evidence], size: int) -> Iterator[list[Evidence]]:
    """Blocks of about `size` rows. Rows of one question stay together, because they share calls."""
    places: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        places.setdefault(row.question.id, []).append(place)
    block: list[int] = []
    for of_question in places.values():
        block += of_question
        if len(block) >= size:
            yield list(rows.at(block))
            block = []
    if block:
        yield list(rows.at(block))


def cluster_of(recipe: Recipe) -> Cluster | None:
    """Join the cluster of a recipe; None if it runs in this process."""
    return Cluster(recipe) if recipe.engine.runner == "ray" else None
