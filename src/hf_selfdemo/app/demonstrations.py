"""Search the training questions of a run and their candidates."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hf_selfdemo.core import artefacts
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.manifest import parse_object, read_json, read_json_lines
from hf_selfdemo.methods.demonstrations import checked_file

SKIPPED = "skipped"
"""The outcome of a row that was left out. A colon and the reason may follow."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """The position of a row in the file, and the values by which it can be found."""

    offset: int
    words: str
    outcome: str
    source: str
    verified: bool


class Demonstrations:
    """The rows of `candidates.jsonl`. Only some hundred bytes per row are kept in memory.

    Args:
        folder: the folder of finished demonstrations.

    Raises:
        UserError: if there are no finished demonstrations.

    Example:
        >>> import json, tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> row = {"id": "q1", "question": "Who?", "answers": ["Winkler"], "response": "Winkler.", "outcome": "answer"}
        >>> row |= {"source": "rag", "verified": True, "skipped": ""}
        >>> _ = (folder / "candidates.jsonl").write_text(json.dumps(row))
        >>> _ = (folder / "manifest.json").write_text("{}")
        >>> found = Demonstrations(folder)
        >>> found.find("winkler"), found.find(outcome="abstain"), found.outcomes
        ([0], [], {'answer': 1})
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "candidates.jsonl"
        if not self.path.exists() or not (folder / "manifest.json").exists():
            raise UserError(f"{folder} contains no demonstrations", "run `hf-selfdemo demonstrate` first")
        self.manifest = read_json(folder / "manifest.json", artefacts.Demonstrations)
        self._details = _details(checked_file(folder, "skipped.jsonl"))
        checked_file(folder, self.path.name)
        self._entries = _entries(self.path)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def outcomes(self) -> dict[str, int]:
        """Number of rows by outcome, and of skipped rows by reason, most frequent first."""
        return dict(Counter(entry.outcome for entry in self._entries).most_common())

    @property
    def sources(self) -> dict[str, int]:
        """Number of demonstrations by the source of the winner, most frequent first."""
        return dict(Counter(entry.source for entry in self._entries if entry.source).most_common())

    @property
    def unverified(self) -> int:
        """Number of demonstrations whose winner was not found correct."""
        return sum(bool(entry.source) and not entry.verified for entry in self._entries)

    def find(self, search: str = "", outcome: str = "", source: str = "", verified: str = "") -> list[int]:
        """The positions of the rows that match all conditions. A condition "" matches every row.

        Args:
            search: words in the question, a gold answer, the response or the id.
            outcome: "answer", "abstain", "skipped", or "skipped: REASON".
            source: source of the winner.
            verified: "yes" or "no"; rows without a winner match neither.
        """
        wanted = search.casefold().split()
        return [
            place
            for place, entry in enumerate(self._entries)
            if (not outcome or outcome in (entry.outcome, entry.outcome.partition(":")[0]))
            and (not source or source == entry.source)
            and (not verified or (bool(entry.source) and entry.verified == (verified == "yes")))
            and all(word in entry.words for word in wanted)
        ]

    def row(self, place: int) -> dict[str, Any]:
        """A row with the columns of `rows.FEATURES`, and why it was skipped (`skipped`, `detail`)."""
        with self.path.open("rb") as lines:
            lines.seek(self._entries[place].offset)
            found = parse_object(lines.readline(), f"a row of {self.path}", artefacts.WrittenRow)
        return found | {"detail": self._details.get(found["id"], "")}


def _entries(path: Path) -> list[_Entry]:
    found: list[_Entry] = []
    offset = 0
    with path.open("rb") as lines:
        for line in lines:
            found.append(_entry(parse_object(line, f"line {len(found) + 1} of {path}", artefacts.ListedRow), offset))
            offset += len(line)
    return found


def _entry(row: dict[str, Any], offset: int) -> _Entry:
    words = "\n".join([row["question"], *row["answers"], row["response"], row["id"]]).casefold()
    if row["skipped"]:
        return _Entry(offset, words, f"{SKIPPED}: {row['skipped']}", "", False)
    return _Entry(offset, words, row["outcome"], row["source"], row["verified"])


def _details(path: Path) -> dict[str, str]:
    """The details of skipped rows, by id."""
    if not path.exists():
        return {}
    return {row["id"]: row["detail"] for row in read_json_lines(path, artefacts.SkippedRow) if row["detail"]}
