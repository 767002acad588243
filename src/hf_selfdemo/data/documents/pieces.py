"""Splits documents into passages within sections: between paragraphs, else between sentences, else between words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from hf_selfdemo.core.types import Document, Passage
from hf_selfdemo.data.documents.sections import sections
from hf_selfdemo.data.questions.shortening import count_words


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage and its origin: characters `start` to `end` of a document."""

    passage: Passage
    document: str
    start: int
    end: int


def pieces(document: Document, max_words: int) -> Iterator[Piece]:
    """The passages of a document in order, with the ids `ID#1`, `ID#2` and so on and the headings above them as title.

    Args:
        document: the document to split.
        max_words: the most words of a passage.
    """
    from semantic_text_splitter import MarkdownSplitter, TextSplitter

    kind = MarkdownSplitter if document.markdown else TextSplitter
    splitter = kind.from_callback(count_words, max_words)
    number = 0
    for section in sections(document):
        title = " > ".join(section.titles)
        for start, text in splitter.chunk_indices(document.text[section.start : section.end]):
            number += 1
            at = section.start + start
            yield Piece(Passage(f"{document.id}#{number}", text, title), document.id, at, at + len(text))
