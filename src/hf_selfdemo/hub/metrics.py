"""The metrics as Spaces, which is where `evaluate.load` looks for a metric that somebody pushed."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from huggingface_hub import RepoCard

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.hub.artefact import Artefact
from hf_selfdemo.hub.card import checked_id
from hf_selfdemo.metrics import METRICS

REQUIREMENTS = "hf-selfdemo[metrics]\n"
"""What a Space installs. The scorers stay in the package, so that a Space is never older than it."""

_PYTHON = "3.12"
"""Spaces take 3.10 unless told otherwise, which the package does without."""

_ELSEWHERE = {
    'import hf_selfdemo.metrics\n\nmetric = hf_selfdemo.metrics.load("{name}")': (
        'import evaluate\n\nmetric = evaluate.load("{repo_id}")'
    ),
    "`evaluate.load` takes the path of this folder instead, or the name of the Space. The package `hf-selfdemo` must be"
    "\ninstalled.": "It needs `pip install 'hf-selfdemo[metrics]'`.",
}
"""What a card says of loading the metric from the package, and says instead where it was pushed to."""


def metric_artefacts(namespace: str) -> list[Artefact]:
    """Every metric of the package as a Space.

    `evaluate.load("namespace/qa_accuracy")` then gives the module that `hf_selfdemo.metrics.load("qa_accuracy")` does,
    wherever `hf-selfdemo[metrics]` is installed; the Space itself shows the card and lets one try it.

    Args:
        namespace: user or organisation.

    Raises:
        UserError: if it can be none.

    Relations: the layout that `evaluate` 0.4 loads, a Python file of the Space's name beside `requirements.txt`.

    Example:
        >>> [artefact.repo_id for artefact in metric_artefacts("me")]
        ['me/qa_accuracy', 'me/abstention']
    """
    if "/" in namespace:
        raise UserError(f"{namespace!r} is not a user or organisation", "give the part before the slash")
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
    """The card as the package has it, which loads the metric from where it now is."""
    card = RepoCard(text)
    card.data["python_version"] = _PYTHON
    for here, there in _ELSEWHERE.items():
        card.text = card.text.replace(here.format(name=name), there.format(repo_id=repo_id))
    return f"{str(card).rstrip()}\n"


def _folder(module: str) -> Path:
    """Where a module lies, without importing it: `evaluate` need not be installed to push."""
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None
    return Path(found.origin).parent
