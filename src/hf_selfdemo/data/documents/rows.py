"""Passages of a corpus as rows of their own, for methods that train on documents without questions."""

from __future__ import annotations

from hf_selfdemo.core.types import Evidence, Passage, Question

DOCUMENT = "document"
"""The `source` of such a row's question. The question is the passage's title and asks nothing."""


def document_row(passage: Passage) -> Evidence:
    """The row of a passage.

    Example:
        >>> row = document_row(Passage("p1", "Oil it once a week.", "Pumps"))
        >>> row.id, row.question.text, is_document(row)
        ('document/p1', 'Pumps', True)
    """
    return Evidence(Question(f"document/{passage.id}", passage.title, source=DOCUMENT), (passage,))


def is_document(row: Evidence) -> bool:
    """Whether a row is a passage rather than a question."""
    return row.question.source == DOCUMENT
