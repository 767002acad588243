"""One start at a time in a run's folder; shards of one run share it."""

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
"""Verbs that write nothing into a run's folder."""

_FOLDERS = (
    *("documents", "prompts", "demonstrations", "model", "rounds", "evaluation", "evaluation_dev"),
    *("comparisons", "comparisons_dev", "merged", "scores", "export", "hub"),
)
"""What verbs write into: what else lies in a run's folder may be another run's, which is at work."""

WRITTEN_INTO = (*_FOLDERS, "retriever", "gate.json", "plan.json")
"""All that verbs leave in a run's folder, but for what runs share."""


def variants(folder: Path) -> list[Path]:
    """The folders into which `train` wrote further trainings of a run."""
    return sorted(path.parent for path in folder.glob("model-*/run.json"))


_GATE_S = 0.5
"""Seconds in which a start waits for another that is only looking whether it may begin."""

_TRIES = 100
"""How often a folder is made anew that other starts, which wrote nothing, remove."""


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

    What killed starts left half written there is removed first, unless shards may be writing.

    Args:
        folder: is made if it is not there.
        shard: "i/n" holds the share alone: other shards may work there, but not the same one, and nothing else.

    Raises:
        UserError: if another start holds it, or it cannot be written to.
    """
    own = gate = _taken(folder / ".lock", _GATE_S)  # whoever starts passes it, so that no two turn each other away
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


def _taken(path: Path, seconds: float = 0) -> FileLock:
    """The lock, held; its folder is made if it is not there."""
    lock, folder = FileLock(path), path.parent
    for _ in range(_TRIES):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=seconds, poll_interval=0.01)
            return lock
        except Timeout:
            what = f"another start is at work in {folder}"
            raise UserError(what, "wait until it has ended, or choose another output_dir") from None
        except (FileNotFoundError, FileExistsError) as gone:  # as when another start removes the folder meanwhile
            error: OSError = gone
        except OSError as other:
            error = other
            break
    raise UserError(f"output_dir {folder} cannot be written to ({error.strerror})", "choose another output_dir")


def _let_go(lock: FileLock) -> None:
    """Release a lock and remove its file, and the folder if nothing else is in it."""
    with suppress(OSError):
        path = Path(lock.lock_file)
        path.unlink()  # while it is held: who opened it before sees that its name is gone
        path.parent.rmdir()
    lock.release()
