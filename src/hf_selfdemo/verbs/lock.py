"""The lock of a run's folder: one command at a time, except that shards of one run share it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import STAGING, sweep
from hf_selfdemo.recipe.recipe import Recipe
from hf_selfdemo.verbs.processes import is_main_process

READERS = ("preflight", "ask", "app", "ledger")
"""Commands that write nothing into a run's folder."""

_FOLDERS = (
    *("documents", "prompts", "demonstrations", "model", "rounds", "evaluation", "evaluation_dev"),
    *("comparisons", "comparisons_dev", "merged", "scores", "export", "hub"),
)
"""The folders that commands write into. Others in a run's folder may belong to another run that is active."""

WRITTEN_INTO = (*_FOLDERS, "retriever", "gate.json", "plan.json")
"""Everything that commands write into a run's folder, except what runs share."""


def variants(folder: Path) -> list[Path]:
    """The folders into which `train` wrote further trainings of a run."""
    return sorted(path.parent for path in folder.glob("model-*/run.json"))


_GATE_S = 0.5
"""Seconds to wait for another command that only checks whether it may start."""

_TRIES = 100
"""How often a folder is made again if other commands that wrote nothing remove it."""


def locked(verb: str, recipe: Recipe) -> AbstractContextManager[None]:
    """The lock that a command holds while it runs. A command that only reads needs none.

    Of processes that were launched together, the first holds the lock for all.
    """
    if verb in READERS or not is_main_process():
        return nullcontext()
    return held(recipe.output_dir, (recipe.engine.shard or "") if verb == "demonstrate" else "")


@contextmanager
def held(folder: Path, shard: str = "") -> Iterator[None]:
    """Lock a run's folder until the block ends or the process dies. A folder that is empty at the end is removed.

    Partly written files of commands that were killed are removed first, unless shards may be writing.

    Args:
        folder: the folder, which is made if it does not exist.
        shard: "i/n" locks only this shard. Other shards may work in the folder, but no other command.

    Raises:
        UserError: if another command holds the lock, or the folder cannot be written to.
    """
    own = gate = _taken(folder / ".lock", _GATE_S)  # every command takes it first, so that two cannot reject each other
    try:
        if shard:
            own = _taken(folder / f".shard-{shard.replace('/', '-of-')}.lock")
            _let_go(gate)
        else:
            for other in folder.glob(".shard-*.lock"):
                _taken(other).release()
            sweep(folder.iterdir())
            written = (*(folder / name for name in _FOLDERS), *variants(folder))
            sweep(path for inner in written for path in list(inner.rglob(f"*{STAGING}")))
        yield
    finally:
        _let_go(own)


def is_locked(folder: Path) -> bool:
    """Whether a command is running in a run's folder.

    Args:
        folder: the folder of the run.
    """
    for path in (*folder.glob(".lock"), *folder.glob(".shard-*.lock")):
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return True
        except OSError:  # a folder that this user cannot write to: no command of this user is running there
            continue
        lock.release()
    return False


def _taken(path: Path, seconds: float = 0) -> FileLock:
    """Acquire a lock, and make its folder if it does not exist."""
    lock, folder = FileLock(path), path.parent
    for _ in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=seconds, poll_interval=0.01)
            return lock
        except Timeout:
            what = f"another command is running in {folder}"
            raise UserError(what, "wait until it has ended, or choose another output_dir") from None
        except (FileNotFoundError, FileExistsError) as gone:  # another command removed the folder in between
            error: OSError = gone
        except OSError as other:
            error = other
            break
    raise UserError(f"output_dir {folder} cannot be written to ({error.strerror})", "choose another output_dir")


def _let_go(lock: FileLock) -> None:
    """Release a lock and remove its file, and the folder if nothing else is in it."""
    with suppress(OSError):
        path = Path(lock.lock_file)
        path.unlink()  # while it is held, so that a process that has opened it notices
        path.parent.rmdir()
    lock.release()
