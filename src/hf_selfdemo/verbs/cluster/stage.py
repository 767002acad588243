"""One stage of Ray Data: stateful actors process blocks of rows, and results keep the order of the blocks."""

from __future__ import annotations

import os
import pickle
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.verbs.cluster.connection import Room
from hf_selfdemo.verbs.failures import foreseen


class Job(Protocol):
    """The work of a worker. It can be pickled."""

    def open(self) -> Callable[[Any], Any]:
        """Load what the work needs, once per worker, and return the function that processes a block."""
        ...


def spread(job: Job, blocks: Iterable[Any], room: Room) -> Iterator[Any]:
    """Run a job on blocks, and yield the results in the order of the blocks.

    Blocks wait in Ray's object store, which spills to the disk of this machine. Ray repeats a block whose worker died.

    Args:
        job: the job, which every worker opens.
        blocks: objects that can be pickled.
        room: number and resources of the workers.

    Raises:
        UserError: the first one that a worker raises, with the worker's host.
    """
    import pyarrow
    import ray
    from ray.data import ActorPoolStrategy, DataContext, from_arrow_refs

    context = DataContext.get_current().copy()
    context.enable_progress_bars = context.print_on_execution_start = False
    context.execution_options.preserve_order = True
    context.execution_no_progress_timeout_s = -1  # a block may take an hour
    with DataContext.current(context):
        waiting: list[Any] = [ray.put(pyarrow.table({"block": [pickle.dumps(block)]})) for block in blocks]
        if not waiting:
            return
        workers = min(room.workers, len(waiting))
        done = from_arrow_refs(waiting).map_batches(
            Worker,
            batch_size=None,
            batch_format="pyarrow",
            fn_constructor_args=(job, os.getcwd()),
            compute=ActorPoolStrategy(
                min_size=1, max_size=workers, initial_size=workers, max_tasks_in_flight_per_actor=1
            ),
            num_cpus=room.cpus,
            num_gpus=room.gpus,
        )
        for batch in done.iter_batches(batch_size=1, batch_format="pyarrow", prefetch_batches=0):
            result = pickle.loads(batch["result"][0].as_py())
            if isinstance(result, UserError):
                raise result
            yield result


class Worker:
    """An actor of Ray Data. It opens its job at the first block, so that an error in opening is returned too."""

    def __init__(self, job: Job, folder: str) -> None:
        self._job, self._folder = job, folder
        self._do: Callable[[Any], Any] | None = None

    def __call__(self, table: Any) -> Any:
        import pyarrow

        try:
            if self._do is None:
                self._do = self._opened()
            result = self._do(pickle.loads(table["block"][0].as_py()))
        except Exception as error:
            told = foreseen(error)
            if told is None:
                raise
            result = UserError(f"a worker on {socket.gethostname()}: {told.what}", told.remedy)
        return pyarrow.table({"result": [pickle.dumps(result)]})

    def _opened(self) -> Callable[[Any], Any]:
        from hf_selfdemo.verbs.cli import quiet

        quiet()
        if os.path.isdir(self._folder):
            os.chdir(self._folder)  # paths in a recipe are relative to the working directory of the command
        return self._job.open()
