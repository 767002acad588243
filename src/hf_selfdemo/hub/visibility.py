"""Whether a run shows the user's own passages: then repositories are private by default, and `ask` needs a corpus."""

from __future__ import annotations

from pathlib import Path

from hf_selfdemo.core.manifest import read_json_lines
from hf_selfdemo.data.questions import read_passages

_ROWS = ("demonstrations/candidates.jsonl", "evaluation/rows.jsonl")
"""The files of a run that contain every passage that a model was shown."""


def shows_only_embedded(run: Path) -> bool | None:
    """Whether all passages of a run come from the corpus of this package; None for a run without rows.

    The rows are read, so the result does not depend on the current options. Truncated passages are recognised.

    Args:
        run: the run's folder.

    Raises:
        UserError: for a damaged file.
    """
    splits = ("train", "dev", "test")
    embedded = "\n".join(passage.text for split in splits for passage in read_passages("embedded", split))
    found = [path for name in _ROWS if (path := run / name).exists()]
    if not found:
        return None
    rows = (row for path in found for row in read_json_lines(path))
    return all(passage["text"] in embedded for row in rows for passage in row.get("passages", ()))
