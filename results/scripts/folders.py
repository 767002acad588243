"""The files in the folder of a study, such as `results/study`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hf_selfdemo.core.errors import UserError

ROOT = Path(__file__).parents[2]
"""The root of the project. Its `recipes` contain a folder with the study's name."""


@dataclass(frozen=True)
class StudyFolder:
    """A study's folder: the files that its tables and plots are made from, and the files they are written to.

    Example:
        >>> StudyFolder(Path("results/study")).page.as_posix()
        'results/study/README.md'
    """

    path: Path

    @classmethod
    def named(cls, name: str) -> StudyFolder:
        """The folder of the given path.

        Raises:
            UserError: if it does not contain a study.
        """
        found = cls(Path(name))
        if not (found.path / "systems.yaml").exists():
            raise UserError(f"{name} contains no study", "name a folder with a systems.yaml, such as results/study")
        return found

    @property
    def records(self) -> Path:
        """The folder of small records of its runs."""
        return self.path / "records"

    @property
    def predictions(self) -> Path:
        """The folder of replies of some runs, with their texts."""
        return self.path / "predictions"

    @property
    def plots(self) -> Path:
        """The folder of plots, made from the records."""
        return self.path / "plots"

    @property
    def page(self) -> Path:
        """The page that contains the tables."""
        return self.path / "README.md"

    def recipe(self, row: str) -> str:
        """The path of a row's recipe, relative to the project's root; empty if it has none."""
        name = f"recipes/{self.path.resolve().name}/{row}.yaml"
        return name if (ROOT / name).exists() else ""

    @property
    def labels(self) -> dict[str, str]:
        """The rows of the tables in their order: names and labels."""
        return self._settings("systems.yaml")

    @property
    def ablations(self) -> dict[str, Any]:
        """The reference of the ablations and a sentence about each; empty if the study has none."""
        return self._settings("ablations.yaml")

    @property
    def looked_at(self) -> frozenset[str]:
        """Ids of test questions that earlier trials used, so that settings may depend on them."""
        return frozenset(self._settings("looked_at.yaml").get("questions", ()))

    @property
    def own_passages(self) -> frozenset[str]:
        """Names of the rows of the tables whose models retrieve their own passages."""
        return frozenset(self._settings("own_passages.yaml").get("rows", ()))

    def _settings(self, file: str) -> dict[str, Any]:
        path = self.path / file
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}
