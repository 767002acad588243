"""How the refusals of a trained model begin: learnt from those that it was trained on, and kept beside its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hf_selfdemo.core.artefacts import OpeningsRecord
from hf_selfdemo.core.manifest import read_json, write_json
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.scoring.refusal.openings import OPENINGS, learnt_openings

OPENINGS_FILE = "openings.json"
"""The file in a model's folder."""


def write_openings(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Learn how refusals begin, and keep it in a model's folder; nothing where no refusal was trained.

    Args:
        folder: of the model.
        rows: the demonstrations, with `response` and `outcome`.
    """
    said: dict[str, list[str]] = {"abstain": [], "answer": []}
    for row in rows:
        said[row["outcome"]].append(row["response"])
    learnt = learnt_openings(said["abstain"], said["answer"])
    if learnt.openings:
        write_json(folder / OPENINGS_FILE, learnt._asdict())


def recorded_openings(folder: Path | None) -> tuple[str, ...]:
    """How the refusals of the model in a folder begin; those of any model where the folder does not tell.

    Args:
        folder: of a model; None is a model that nobody here trained.

    Example:
        >>> import tempfile; folder = Path(tempfile.mkdtemp())
        >>> write_openings(folder, [{"outcome": "abstain", "response": "No idea."}])
        >>> recorded_openings(folder), recorded_openings(None) == OPENINGS
        (('No idea.',), True)
    """
    if folder is None or not (path := folder / OPENINGS_FILE).exists():
        return OPENINGS
    return tuple(read_json(path, OpeningsRecord, "openings")["openings"])


def with_signals(answerer: Answerer, folder: Path | None = None, withheld: bool = True) -> Answerer:
    """The answerer, told to ask how likely a refusal is, and what it would answer in place of one.

    Args:
        answerer: how a model is asked; one that asks in a way of its own has the signals of its own.
        folder: of the model; None is a model that nobody here trained.
        withheld: whether answers in place of refusals are wanted, too.

    Example:
        >>> with_signals(PromptAnswerer()).openings == OPENINGS
        True
    """
    if not isinstance(answerer, PromptAnswerer):
        return answerer
    return replace(answerer, openings=recorded_openings(folder), withheld=withheld)
