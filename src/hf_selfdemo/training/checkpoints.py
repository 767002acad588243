"""Checkpoints with a note of their settings, so that training never resumes from an incomplete or foreign one.

The note is the last file written into a checkpoint. A folder without a note was interrupted.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers.trainer import TRAINER_STATE_NAME, TRAINING_ARGS_NAME
from transformers.trainer_callback import TrainerState

from hf_selfdemo.core.artefacts import Checkpoint
from hf_selfdemo.core.claim import differing
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.integrity import hashes, refuse_changed
from hf_selfdemo.core.manifest import read_json, to_disk, write_checked_json, write_json

_NOTE = "selfdemo.json"


def mark_complete(folder: Path, settings: dict[str, Any], counted: dict[str, Any]) -> None:
    """Write the note of a complete checkpoint: its settings, its files, and what was counted so far."""
    to_disk(folder)
    files = hashes(folder, (path for path in folder.rglob("*") if path.is_file() and path != folder / _NOTE))
    write_checked_json(folder / _NOTE, {"settings": settings, "counted": counted, "files": files})


def forget_machine(folder: Path) -> None:
    """Remove what describes this machine from a checkpoint or a saved model.

    Removed are transformers' pickle of all options (it contains the Hub token and paths, and nothing reads it again)
    and the path of the best checkpoint, which `find_best` derives from its step.
    """
    (folder / TRAINING_ARGS_NAME).unlink(missing_ok=True)
    path = folder / TRAINER_STATE_NAME
    if path.exists():
        write_json(path, read_json(path) | {"best_model_checkpoint": None})


def find_best(state: TrainerState, output_dir: str) -> None:
    """Set the path of the best checkpoint when training resumes, if that checkpoint still exists."""
    folder = Path(output_dir) / f"checkpoint-{state.best_global_step}"
    if state.best_model_checkpoint is None and state.best_global_step and folder.exists():
        state.best_model_checkpoint = str(folder)


def last_checkpoint(folder: str | Path) -> str | None:
    """The newest complete checkpoint in an output folder; None if there is none."""
    found = [p.parent for p in Path(folder).glob(f"checkpoint-*/{_NOTE}")]
    return str(max(found, key=_step)) if found else None


def check_settings(folder: str | Path, settings: dict[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Check that a checkpoint is complete and has the given settings, and return what was counted until it.

    Args:
        folder: the checkpoint.
        settings: settings of the training that resumes from it.
        defaults: values of settings that one of the two does not have.

    Raises:
        UserError: naming the options that differ, or a file that has changed since it was written.
    """
    path = Path(folder) / _NOTE
    if not path.exists():
        raise UserError(f"{folder} is not a complete checkpoint of this trainer", "resume from another one, or restart")
    note = read_json(path, Checkpoint)
    found, wanted = note["settings"], json.loads(json.dumps(settings, default=str))
    if keys := differing(found, wanted, defaults):
        shown = ", ".join(f"{k} (there {found.get(k)!r}, now {wanted.get(k)!r})" for k in keys[:3])
        raise UserError(f"{folder} was made with other settings: {shown}", "restore them or set another output_dir")
    remedy = f"delete {folder} and repeat the command; it resumes from the checkpoint before, or starts anew"
    refuse_changed(Path(folder), note.get("files", {}), remedy)
    return dict(note["counted"])


def _step(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])
