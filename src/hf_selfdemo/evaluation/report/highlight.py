"""Finding the accepted answers in a text, to highlight them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from hf_selfdemo.core.types import Passage
from hf_selfdemo.scoring.answers.passages import holds_answer
from hf_selfdemo.scoring.match import contains_answer
from hf_selfdemo.scoring.normalise import normalise
from hf_selfdemo.scoring.scripts import MARKS, UNSPACED

_CHUNK = re.compile(rf"[{UNSPACED}][{MARKS}]*|[^\s{UNSPACED}]+")
_SENTENCE = re.compile(r".+?(?:[.!?]+[\"”’)\]]*(?=\s+[^\sa-z\d])|[。！？]|$)", re.MULTILINE)
_EDGES = ".,;:!?()[]{}<>\"'“”‘’«»„…*_-–—/"


def answer_spans(text: str, answers: Sequence[str], question: str | None = None) -> list[tuple[int, int]]:
    """The positions of the accepted answers in a text, found in the same way as by `scoring.match.contains_answer`.

    Args:
        text: any text.
        answers: accepted answers.
        question: the question, if `text` is from a passage. If the text contains no answer literally, the sentences
            that state one in other words are marked, as `holds_answer` finds them.

    Returns:
        Non-overlapping character ranges in order, which begin and end at word boundaries.

    Example:
        >>> text = "It was Wilhelm Röntgen, in 1895."
        >>> [text[a:b] for a, b in answer_spans(text, ["wilhelm rontgen"])]
        ['Wilhelm Röntgen']
    """
    there = [answer for answer in answers if contains_answer(text, [answer])]  # a fast check, usually without a match
    words = list(_words(text)) if there else []
    spans: list[tuple[int, int]] = []
    for answer in there:
        wanted = normalise(answer).split()
        for i in range(len(words) - len(wanted) + 1) if wanted else ():
            if [word for word, _, _ in words[i : i + len(wanted)]] == wanted:
                spans.append((words[i][1], words[i + len(wanted) - 1][2]))
    if not spans and question is not None and holds_answer(Passage("", text), answers, question):
        sentences = (found.span() for found in _SENTENCE.finditer(text))
        spans = [(a, b) for a, b in sentences if holds_answer(Passage("", text[a:b]), answers, question)]
    return _apart(spans)


def segments(text: str, answers: Sequence[str], longest: int, question: str | None = None) -> list[tuple[str, bool]]:
    """A text in pieces, each with a flag that says whether it is an accepted answer; an ellipsis marks truncation.

    Args:
        text: any text.
        answers: accepted answers.
        longest: maximum number of characters, from the beginning or, if the first answer is further on, around it.
        question: as in `answer_spans`.

    Example:
        >>> segments("Winkler found it.", ["winkler"], 100)
        [('Winkler', True), (' found it.', False)]
        >>> segments("It was found by Winkler.", ["winkler"], 12)
        [('… by ', False), ('Winkler', True), ('.', False)]
    """
    spans = answer_spans(text, answers, question)
    start = 0
    if len(text) > longest and spans and spans[0][1] > longest:
        start = max(0, min(spans[0][0] - longest // 3, len(text) - longest))
    end = min(len(text), start + longest)
    pieces, at = [("…" if start else "", False)], start
    for a, b in (span for span in spans if span[0] < end and span[1] > start):
        pieces += [(text[at : max(a, at)], False), (text[max(a, at) : min(b, end)], True)]
        at = min(b, end)
    pieces += [(text[at:end], False), ("…" if end < len(text) else "", False)]
    return _joined([(piece, hit) for piece, hit in pieces if piece])


def _words(text: str) -> Iterator[tuple[str, int, int]]:
    """Normalised words, each with the character range of its chunk without punctuation at the edges."""
    for chunk in _CHUNK.finditer(text):
        words, (start, end) = normalise(chunk[0]).split(), chunk.span()
        bare = chunk[0].strip(_EDGES)
        if normalise(bare).split() == words:  # false where the last dot belongs to the word, as in "U.S."
            start = text.index(bare, start)
            end = start + len(bare)
        yield from ((word, start, end) for word in words)


def _apart(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _joined(pieces: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    joined: list[tuple[str, bool]] = []
    for text, hit in pieces:
        if joined and joined[-1][1] == hit:
            joined[-1] = (joined[-1][0] + text, hit)
        else:
            joined.append((text, hit))
    return joined
