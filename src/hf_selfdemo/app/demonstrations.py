"""What was written for each training question, found again by what came of it."""

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
"""The outcome of a row that became no demonstration; a reason may follow it, after a colon."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """What is kept in memory of a row: where it stands, and what it can be found by."""

    offset: int
    words: str
    outcome: str
    source: str
    verified: bool


class Demonstrations:
    """The rows of `candidates.jsonl`, of which no more than some hundred bytes each are held.

    Args:
        folder: of demonstrations that are finished.

    Raises:
        UserError: if there are none.

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
            raise UserError(f"{folder} holds no demonstrations", "run `hf-selfdemo demonstrate` first")
        self.manifest = read_json(folder / "manifest.json", artefacts.Demonstrations)
        self._details = _details(checked_file(folder, "skipped.jsonl"))
        checked_file(folder, self.path.name)
        self._entries = _entries(self.path)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def outcomes(self) -> dict[str, int]:
        """Rows by outcome, and the skipped ones by reason, most frequent first."""
        return dict(Counter(entry.outcome for entry in self._entries).most_common())

    @property
    def sources(self) -> dict[str, int]:
        """Demonstrations by where the winner came from, most frequent first."""
        return dict(Counter(entry.source for entry in self._entries if entry.source).most_common())

    @property
    def unverified(self) -> int:
        """Demonstrations whose winner was not found to be right."""
        return sum(bool(entry.source) and not entry.verified for entry in self._entries)

    def find(self, search: str = "", outcome: str = "", source: str = "", verified: str = "") -> list[int]:
        """The places of the rows that fit all that is asked for; what is "" does not matter.

        Args:
            search: words that stand in the question, an accepted answer, the response or the id.
            outcome: "answer", "abstain", "skipped", or "skipped: REASON".
            source: of the winner.
            verified: "yes" or "no"; rows without a winner are neither.
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
        """A row in the columns of `rows.FEATURES`, with the reason why it was skipped (`skipped`, `detail`)."""
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
    """What is told of skipped rows beyond the reason, by id."""
    if not path.exists():
        return {}
    return {row["id"]: row["detail"] for row in read_json_lines(path, artefacts.SkippedRow) if row["detail"]}
