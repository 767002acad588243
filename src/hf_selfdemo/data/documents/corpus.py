"""Turns a folder of documents into a corpus, and records what was left out."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Document, Passage
from hf_selfdemo.data.documents.duplicates import Duplicate, distinct
from hf_selfdemo.data.documents.files import Skipped, document_files, read_file
from hf_selfdemo.data.documents.pieces import Piece, pieces
from hf_selfdemo.data.questions.shortening import count_words

LEAST_WORDS = 5
"""The fewest words of a document, and of a passage."""

_NEEDED = ("markitdown", "semantic_text_splitter", "datasketch", "markdown_it", "charset_normalizer")


@dataclass(frozen=True)
class Documents:
    """The documents of a folder and their passages.

    `skipped` has the files and documents that were left out, with the reason, and `duplicates` the duplicate passages.
    `short` counts the passages that were too short, and `others` the files with endings that are not read.
    """

    documents: list[Document]
    pieces: list[Piece]
    skipped: list[Skipped]
    duplicates: list[Duplicate]
    short: int
    others: Counter[str]

    @property
    def passages(self) -> list[Passage]:
        """The corpus."""
        return [piece.passage for piece in self.pieces]


def read_documents(
    sources: Sequence[str], max_words: int = 100, on_progress: Callable[[int], None] = lambda files: None
) -> Documents:
    """Read documents and split them into passages.

    Args:
        sources: files and folders: .md, .txt, .html, .pdf, .docx, and .jsonl with one document per row (`text`,
            optionally `id` and `title`).
        max_words: the most words of a passage.
        on_progress: called with the number of files that were read since its last call.

    Raises:
        UserError: if no document is usable, or the libraries that read documents are not installed.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> folder = Path(tempfile.mkdtemp())
        >>> _ = (folder / "pumps.md").write_text("# Pumps\\n\\n## Care\\n\\nOil the pump once a week, at least.\\n")
        >>> [(p.id, p.title, p.text) for p in read_documents([str(folder)]).passages]
        [('pumps.md#1', 'Pumps > Care', 'Oil the pump once a week, at least.')]
    """
    ONE_OR_MORE.check(max_words=max_words)
    if any(importlib.util.find_spec(name) is None for name in _NEEDED):
        raise UserError("the libraries that read documents are not installed", "pip install 'hf-selfdemo[documents]'")
    files, others = document_files(sources)
    documents: list[Document] = []
    skipped: list[Skipped] = []
    for name, path in files.items():
        found = read_file(name, path)
        if isinstance(found, Skipped):
            skipped.append(found)
        else:
            documents += _long_enough(found, skipped)
        on_progress(1)
    if not documents:
        first = skipped[0]
        raise UserError(
            f"documents: none of the {len(files)} files can be used",
            f"fix the files or give others; the first is {first.name}: {first.reason}",
        )
    _refuse_twice(documents)
    every = [piece for document in documents for piece in pieces(document, max_words)]
    long = [piece for piece in every if count_words(piece.passage.text) >= LEAST_WORDS]
    kept, duplicates = distinct(long)
    return Documents(documents, kept, skipped, duplicates, len(every) - len(long), others)


def _long_enough(found: Sequence[Document], skipped: list[Skipped]) -> list[Document]:
    brief = [one for one in found if count_words(one.text) < LEAST_WORDS]
    skipped += [Skipped(one.id, f"it has fewer than {LEAST_WORDS} words") for one in brief]
    return [one for one in found if one not in brief]


def _refuse_twice(documents: Sequence[Document]) -> None:
    twice = [name for name, count in Counter(one.id for one in documents).items() if count > 1]
    if twice:
        raise UserError(f"documents: the id {twice[0]!r} occurs twice", "give every document its own id")
