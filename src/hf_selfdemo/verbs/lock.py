"""One start at a time in a run's folder; shards of one run share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.processes import is_main_process

READERS = ("preflight", "app", "ledger")
"""Verbs that write nothing into a run's folder."""

_LOOK_S = 0.5
"""Seconds in which a shard gets to look at a lock that another shard may be looking at."""


def locked(verb: str, recipe: Recipe) -> AbstractContextManager[None]:
    """The lock under which a verb does its work: none for a verb that only reads.

    Of processes that were launched together the first holds it for all.
    """
    if verb in READERS or not is_main_process():
        return nullcontext()
    return held(recipe.output_dir, (recipe.engine.shard or "") if verb == "demonstrate" else "")


@contextmanager
def held(folder: Path, shard: str = "") -> Iterator[None]:
    """Hold a run's folder, until the block ends or the process dies; a folder that is empty then is removed.

    Args:
        folder: is made if it is not there.
        shard: "i/n" holds the share alone: other shards may work there, but not the same one, and nothing else.

    Raises:
        UserError: if another start holds it, or it cannot be written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        what = f"output_dir {folder} cannot be written to ({error.strerror})"
        raise UserError(what, "choose another output_dir") from None
    own = folder / (f".shard-{shard.replace('/', '-of-')}.lock" if shard else ".lock")
    lock = _taken(own, 0)
    try:
        for other in folder.glob(".lock" if shard else ".shard-*.lock"):
            _taken(other, _LOOK_S).release()
        yield
    finally:
        with suppress(OSError):
            own.unlink()  # while it is held: who opened it before sees that its name is gone
            folder.rmdir()
        lock.release()


def _taken(path: Path, seconds: float) -> FileLock:
    lock = FileLock(path)
    try:
        lock.acquire(timeout=seconds, poll_interval=0.01)
    except Timeout:
        what = f"another start is at work in {path.parent}"
        raise UserError(what, "wait until it has ended, or choose another output_dir") from None
    except OSError as error:
        what = f"output_dir {path.parent} cannot be written to ({error.strerror})"
        raise UserError(what, "choose another output_dir") from None
    return lock
