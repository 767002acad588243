"""Under which licence source text may be passed on: its owner says, or it is the text that comes with the package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_selfdemo.core.errors import UserError

EMBEDDED_LICENCE = "apache-2.0"
"""Of the embedded corpus and its questions, see `data/README.md`."""


def source_licence(data: Mapping[str, Any], given: str = "") -> str:
    """The licence of the passages and questions that a run showed.

    Args:
        data: keys of the run; `train_questions` and `train_corpus` are looked at.
        given: what the user says, which wins.

    Raises:
        UserError: if nobody says.

    Example:
        >>> source_licence({"train_questions": ["embedded"], "train_corpus": "embedded"})
        'apache-2.0'
    """
    sources = {*data.get("train_questions", ()), data.get("train_corpus") or ""}
    if given or sources == {"embedded"}:
        return given or EMBEDDED_LICENCE
    raise UserError(
        "the licence of the source text is not known",
        "set source_license, e.g. to cc-by-sa-4.0, or to `other` if it has no usual name",
    )
