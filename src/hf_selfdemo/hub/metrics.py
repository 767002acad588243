"""The metrics as Spaces, from which `evaluate.load` loads them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from huggingface_hub import RepoCard

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.card import checked_id
from hf_selfdemo.metrics import METRICS

REQUIREMENTS = "hf-selfdemo[metrics]\n"
"""The requirements of a Space. The scorers stay in the package, so a Space always uses its current version."""

_PYTHON = "3.12"
"""The default of Spaces is 3.10, which the package does not support."""

_ELSEWHERE = {
    'import hf_selfdemo.metrics\n\nmetric = hf_selfdemo.metrics.load("{name}")': (
        'import evaluate\n\nmetric = evaluate.load("{repo_id}")'
    ),
    "`evaluate.load` takes the path of this folder instead, or the name of the Space. The package `hf-selfdemo` must be"
    "\ninstalled.": "It needs `pip install 'hf-selfdemo[metrics]'`.",
}
"""Texts of a card about loading the metric from the package, with their replacements for the Hub."""


def metric_artefacts(namespace: str) -> list[Artefact]:
    """Make a Space of every metric of the package.

    `evaluate.load("namespace/qa_accuracy")` then loads the same module as `hf_selfdemo.metrics.load("qa_accuracy")`, if
    `hf-selfdemo[metrics]` is installed. The Space shows the card and a form to try the metric.

    Args:
        namespace: user or organisation.

    Raises:
        UserError: if this is not a user or organisation.

    Relations: the layout that `evaluate` 0.4 loads: `requirements.txt`, and a Python file with the name of the Space.

    Example:
        >>> [artefact.repo_id for artefact in metric_artefacts("me")]
        ['me/qa_accuracy', 'me/abstention']
    """
    if "/" in namespace:
        raise UserError(f"{namespace!r} is not a user or organisation", "write only the part before the slash")
    return [_artefact(name, checked_id(f"{namespace}/{name}")) for name in METRICS]


def _artefact(name: str, repo_id: str) -> Artefact:
    folder = _folder(METRICS[name].partition(":")[0])
    files: dict[str, Path | str] = {
        "README.md": _card((folder / "README.md").read_text(encoding="utf-8"), name, repo_id),
        "app.py": folder / "app.py",
        f"{name}.py": folder / f"{name}.py",
        "requirements.txt": REQUIREMENTS,
    }
    return Artefact("metric", repo_id, "space", files, f"Metric {name}", space_sdk="gradio")


def _card(text: str, name: str, repo_id: str) -> str:
    """The card of the package, changed to load the metric from the Hub."""
    card = RepoCard(text)
    card.data["python_version"] = _PYTHON
    for here, there in _ELSEWHERE.items():
        card.text = card.text.replace(here.format(name=name), there.format(repo_id=repo_id))
    return f"{str(card).rstrip()}\n"


def _folder(module: str) -> Path:
    """The folder of a module, without importing it, because `evaluate` need not be installed to push."""
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent
