"""The content of one repository on the Hub, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Artefact:
    """The files of one repository, which are pushed in one commit.

    `repo_type` is the Hub's type for this `kind` of artefact. `files` maps names in the repository to a file on disk (a
    `Path`) or to a text. The card is `files["README.md"]`. `message` is the commit message.

    Example:
        >>> Artefact("metric", "me/match", "space", {"README.md": "# match"}, "Add match", space_sdk="gradio").repo_type
        'space'
    """

    kind: Literal["dataset", "model", "metric", "index", "app", "retriever"]
    repo_id: str
    repo_type: Literal["dataset", "model", "space"]
    files: Mapping[str, Path | str]
    message: str
    space_sdk: str = ""
