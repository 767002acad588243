"""The licence of the source text: the one that the user names, or that of the embedded corpus."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hf_selfdemo.core.errors import UserError

EMBEDDED_LICENCE = "apache-2.0"
"""The licence of the embedded corpus and its questions, see `data/README.md`."""


def source_licence(data: Mapping[str, Any], given: str = "") -> str:
    """The licence of the passages and questions of a run.

    Args:
        data: options of the run, of which `train_questions` and `train_corpus` are read.
        given: the licence that the user names, if any.

    Raises:
        UserError: if the licence is unknown.

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
