"""The default visibility of a new repository: private if it shows passages of the user's own."""

from __future__ import annotations

from pathlib import Path

from hf_selfdemo.core.manifest import read_json_lines
from hf_selfdemo.data.questions import read_passages

_ROWS = ("demonstrations/candidates.jsonl", "evaluation/rows.jsonl")
"""The files of a run that contain every passage that a model was shown."""


def shows_only_embedded(run: Path) -> bool:
    """Whether all passages of a run come from the corpus of this package.

    The rows are read, so the result does not depend on the current options. Truncated passages are recognised. For a
    run without rows the result is false.

    Args:
        run: the run's folder.

    Raises:
        UserError: for a damaged file.
    """
    splits = ("train", "dev", "test")
    embedded = "\n".join(passage.text for split in splits for passage in read_passages("embedded", split))
    found = [path for name in _ROWS if (path := run / name).exists()]
    rows = (row for path in found for row in read_json_lines(path))
    return bool(found) and all(passage["text"] in embedded for row in rows for passage in row.get("passages", ()))
