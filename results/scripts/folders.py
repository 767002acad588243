"""What lies where in the folder of a study, such as `results/study`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hf_selfdemo.core.errors import UserError

ROOT = Path(__file__).parents[2]
"""Of the project: recipes stand there, in a folder that has the study's name."""


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder: what its tables and plots are made from, and where they go.

    Example:
        >>> StudyFolder(Path("results/study")).page.as_posix()
        'results/study/README.md'
    """

    path: Path

    @classmethod
    def named(cls, name: str) -> StudyFolder:
        """The folder that a command line names; as the `type` of an argument.

        Raises:
            UserError: if it holds no study.
        """
        found = cls(Path(name))
        if not (found.path / "systems.yaml").exists():
            raise UserError(f"{name} holds no study", "name a folder with a systems.yaml, such as results/study")
        return found

    @property
    def records(self) -> Path:
        """Small records of its runs."""
        return self.path / "records"

    @property
    def predictions(self) -> Path:
        """Replies of some runs, with their texts."""
        return self.path / "predictions"

    @property
    def plots(self) -> Path:
        """Plots, made from the records."""
        return self.path / "plots"

    @property
    def page(self) -> Path:
        """The page that the tables stand in."""
        return self.path / "README.md"

    def recipe(self, row: str) -> str:
        """The recipe of a row, seen from the project's root; empty if it has none."""
        name = f"recipes/{self.path.resolve().name}/{row}.yaml"
        return name if (ROOT / name).exists() else ""

    @property
    def labels(self) -> dict[str, str]:
        """The rows of the tables in their order: names, and what the tables call them."""
        return self._settings("systems.yaml")

    @property
    def ablations(self) -> dict[str, Any]:
        """The reference of the ablations, and a sentence for each; empty if the study has none."""
        return self._settings("ablations.yaml")

    @property
    def looked_at(self) -> frozenset[str]:
        """Test questions that settings may have been chosen by, since earlier trials saw them."""
        return frozenset(self._settings("looked_at.yaml").get("questions", ()))

    @property
    def own_passages(self) -> frozenset[str]:
        """Rows of the tables whose models find passages of their own."""
        return frozenset(self._settings("own_passages.yaml").get("rows", ()))

    def _settings(self, file: str) -> dict[str, Any]:
        path = self.path / file
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
