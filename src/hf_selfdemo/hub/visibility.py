"""Whether a new repository is private where nobody says: what shows passages of your own is."""

from __future__ import annotations

from pathlib import Path

from hf_selfdemo.core.manifest import read_json_lines
from hf_selfdemo.data.questions import read_passages

_ROWS = ("demonstrations/candidates.jsonl", "evaluation/rows.jsonl")
"""The files of a run that contain every passage that a model was shown."""


def shows_only_embedded(run: Path) -> bool:
    """Whether all passages of a run come from the corpus of this package.

    The rows themselves are read, so the answer does not depend on the options that are given now. Truncated passages
    count as what they are a part of. A run without rows shows nothing that could be known, so the answer is no.

    Args:
        run: the run's folder.

    Raises:
        UserError: for a file that is damaged.
    """
    splits = ("train", "dev", "test")
    embedded = "\n".join(passage.text for split in splits for passage in read_passages("embedded", split))
    found = [path for name in _ROWS if (path := run / name).exists()]
    rows = (row for path in found for row in read_json_lines(path))
    return bool(found) and all(passage["text"] in embedded for row in rows for passage in row.get("passages", ()))
