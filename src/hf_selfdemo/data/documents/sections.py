"""Splits a Markdown text into sections with their headings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from hf_selfdemo.core.types import Document

_FRONT_MATTER = re.compile(r"\A---[ \t]*\n(.*?)\n---[ \t]*(?:\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*(['\"]?)(.+?)\1[ \t]*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Section:
    """Characters `start` to `end` of a document, and the headings above them from the outermost to the innermost."""

    titles: tuple[str, ...]
    start: int
    end: int


def sections(document: Document) -> list[Section]:
    """The sections of a document. A text without Markdown is one section.

    The document's title is the outermost heading, unless the document begins with its only first-level heading.

    Example:
        >>> text = "# Pumps\\n\\nThey pump.\\n\\n## Care\\n\\nOil them.\\n"
        >>> [(s.titles, text[s.start : s.end].strip()) for s in sections(Document("p.md", text, "p", True))]
        [(('Pumps',), 'They pump.'), (('Pumps', 'Care'), 'Oil them.')]
    """
    if not document.markdown:
        return [Section((document.title,), 0, len(document.text))]
    front = _FRONT_MATTER.match(document.text)
    begin = front.end() if front else 0
    named = _TITLE.search(front.group(1)) if front else None
    title = named.group(2) if named else document.title
    headings = list(_headings(document.text[begin:], begin))
    whole = headings and headings[0].level == 1 and sum(one.level == 1 for one in headings) == 1
    open_: list[tuple[int, str]] = [] if whole else [(0, title)]
    found = []
    starts = [heading.start for heading in headings] + [len(document.text)]
    if not headings or document.text[begin : starts[0]].strip():
        found.append(Section((title,), begin, starts[0]))
    for heading, end in zip(headings, starts[1:], strict=True):
        open_ = [one for one in open_ if one[0] < heading.level] + [(heading.level, heading.text)]
        found.append(Section(tuple(text for _, text in open_ if text), heading.end, end))
    return found


@dataclass(frozen=True, slots=True)
class _Heading:
    level: int
    text: str
    start: int
    end: int


def _headings(text: str, offset: int) -> Iterator[_Heading]:
    """The headings outside lists and quotes."""
    from markdown_it import MarkdownIt

    starts = [0, *(match.end() for match in re.finditer("\n", text)), len(text)]
    for opening, inline in pairwise(MarkdownIt("commonmark").parse(text)):
        if opening.type == "heading_open" and opening.level == 0 and opening.map:
            first, behind = opening.map
            said = "".join(child.content for child in inline.children or () if child.type in ("text", "code_inline"))
            yield _Heading(
                int(opening.tag[1:]),
                said.strip(),
                offset + starts[first],
                offset + starts[min(behind, len(starts) - 1)],
            )
