"""How a trained model's abstentions begin: learnt from its training rows, and saved beside its weights."""

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
"""The file of the openings in a model's folder."""


def write_openings(folder: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Learn how abstentions begin, and save it in a model's folder; write nothing if there are no abstentions.

    Args:
        folder: folder of the model.
        rows: the demonstrations, with `response` and `outcome`.
    """
    said: dict[str, list[str]] = {"abstain": [], "answer": []}
    for row in rows:
        said[row["outcome"]].append(row["response"])
    learnt = learnt_openings(said["abstain"], said["answer"])
    if learnt.openings:
        write_json(folder / OPENINGS_FILE, learnt._asdict())


def recorded_openings(folder: Path | None) -> tuple[str, ...]:
    """How the abstentions of the model in a folder begin; general openings if the folder has none.

    Args:
        folder: folder of a model; None for a model that was not trained here.

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
    """The answerer, changed to also measure the probability of an abstention, and to ask for withheld answers.

    Args:
        answerer: the answerer; any but a `PromptAnswerer` has its own signals and is returned unchanged.
        folder: folder of the model; None for a model that was not trained here.
        withheld: whether to ask for withheld answers too.

    Example:
        >>> with_signals(PromptAnswerer()).openings == OPENINGS
        True
    """
    if not isinstance(answerer, PromptAnswerer):
        return answerer
    return replace(answerer, openings=recorded_openings(folder), withheld=withheld)
