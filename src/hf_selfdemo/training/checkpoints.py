"""Checkpoints that say what they are of, so that training never goes on from half a one, or from another run's.

A checkpoint's note is the last file written into it: a folder without one was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME
from transformers.trainer_callback import TrainerState

from hf_selfdemo.core.artefacts import Checkpoint
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import hashes, refuse_changed
from hf_selfdemo.core.manifest import differing, read_json, to_disk, write_checked_json, write_json

_NOTE = "selfdemo.json"


def mark_complete(folder: Path, settings: dict[str, Any], counted: dict[str, Any]) -> None:
    """Say of a checkpoint that it is whole, under which settings it was made, and what was counted until then."""
    to_disk(folder)
    files = hashes(folder, (path for path in folder.rglob("*") if path.is_file() and path != folder / _NOTE))
    write_checked_json(folder / _NOTE, {"settings": settings, "counted": counted, "files": files})


def forget_machine(folder: Path) -> None:
    """Take out of a checkpoint, or of a saved model, what tells of this machine.

    That is transformers' pickle of all keys, with the Hub's token and every path in it, which nothing reads again, and
    the path of the best checkpoint, which follows from its step (`find_best`).
    """
    (folder / TRAINING_ARGS_NAME).unlink(missing_ok=True)
    path = folder / TRAINER_STATE_NAME
    if path.exists():
        write_json(path, read_json(path) | {"best_model_checkpoint": None})


def find_best(state: TrainerState, output_dir: str) -> None:
    """Say where the best checkpoint of a training that goes on lies, if it is still there."""
    folder = Path(output_dir) / f"checkpoint-{state.best_global_step}"
    if state.best_model_checkpoint is None and state.best_global_step and folder.exists():
        state.best_model_checkpoint = str(folder)


def last_checkpoint(folder: str | Path) -> str | None:
    """The newest whole checkpoint in an output folder; None if there is none."""
    found = [p.parent for p in Path(folder).glob(f"checkpoint-*/{_NOTE}")]
    return str(max(found, key=_step)) if found else None


def check_settings(folder: str | Path, settings: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Refuse a checkpoint that is not whole or was made under other settings; else return what was counted until it.

    Args:
        folder: the checkpoint.
        settings: those of the training that wants to go on from it.
        defaults: of settings that one of the two does not have.

    Raises:
        UserError: naming the keys that differ, or a file that is not as it was written.
    """
    path = Path(folder) / _NOTE
    if not path.exists():
        raise UserError(f"{folder} is not a complete checkpoint of this trainer", "resume from another, or start over")
    note = read_json(path, Checkpoint)
    found, wanted = note["settings"], json.loads(json.dumps(settings, default=str))
    if keys := differing(found, wanted, defaults):
        shown = ", ".join(f"{k} (there {found.get(k)!r}, now {wanted.get(k)!r})" for k in keys[:3])
        raise UserError(f"{folder} was made under other settings: {shown}", "restore them or take another output_dir")
    remedy = f"remove {folder}: the same command goes on from the checkpoint before it, or anew"
    refuse_changed(Path(folder), note.get("files", {}), remedy)
    return dict(note["counted"])


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])
