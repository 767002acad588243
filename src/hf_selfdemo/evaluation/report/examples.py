"""Example rows for the page: a sample of every kind of change, within a limit on the size of the page."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.core.types import Evidence, Label
from hf_selfdemo.evaluation.report.comparison import Comparison
from hf_selfdemo.evaluation.report.highlight import segments
from hf_selfdemo.evaluation.report.paired import LABELS
from hf_selfdemo.scoring.answers.passages import holds_answer

PER_KIND = 30
"""Number of rows of each kind of change."""

_LONGEST_PASSAGE, _LONGEST_REPLY, _LONGEST_QUESTION = 1200, 1200, 400
"""Maximum number of characters shown; titles and answers have the limit of questions."""

_MOST_ANSWERS = 10

_BYTES = 2_500_000
"""Maximum size of all examples on a page, in bytes."""

Pieces = Sequence[tuple[str, bool]]
"""A text in pieces, each with a flag that says whether it is an accepted answer."""


class Kind(NamedTuple):
    """A kind of change: the mode, the label of the first column, and the label of another column, perhaps the same."""

    mode: str
    column: str
    before: Label
    after: Label


@dataclass(frozen=True)
class ShownPassage:
    """A passage of an example; `hit` says whether it contains an accepted answer."""

    title: Pieces
    text: Pieces
    hit: bool


@dataclass(frozen=True)
class ShownReply:
    """The reply of one column."""

    column: str
    label: Label
    text: Pieces


@dataclass(frozen=True)
class Example:
    """One row in one mode, with the reply of every column, and the kinds of change that it is an example of."""

    id: str
    mode: str
    question: str
    answers: Sequence[str]
    in_context: bool
    gold_removed: bool
    passages: Sequence[ShownPassage]
    replies: Sequence[ShownReply]
    kinds: Sequence[Kind] = ()


def choose_examples(comparison: Comparison, per_kind: int = PER_KIND, seed: int = 0) -> list[Example]:
    """Choose example rows for the page.

    Args:
        comparison: the models to compare; rows without evidence are skipped.
        per_kind: number of rows of each kind, if there are enough.
        seed: seed of the draw. All kinds and columns prefer the same rows, so that few rows are examples of many kinds.

    Returns:
        The examples. If they would exceed the size limit, every kind has about equally many fewer.
    """
    kinds, weight = _rows_by_kind(comparison, seed), 0
    chosen: dict[tuple[str, int], list[Kind]] = {}
    built: dict[tuple[str, int], Example] = {}
    for kind, row in _in_turns(kinds, per_kind):
        if row not in built:
            example = _example(comparison, *row)
            weight += _weight(example)
            if weight > _BYTES:
                break
            built[row] = example
        chosen.setdefault(row, []).append(kind)
    return [replace(built[row], kinds=found) for row, found in chosen.items()]


def _in_turns(kinds: Mapping[Kind, Sequence[int]], per_kind: int) -> Iterator[tuple[Kind, tuple[str, int]]]:
    """The first row of each kind, then the second of each, and so on: the size limit affects all kinds alike."""
    for turn in range(per_kind):
        yield from ((kind, (kind.mode, rows[turn])) for kind, rows in kinds.items() if turn < len(rows))


def _rows_by_kind(comparison: Comparison, seed: int) -> dict[Kind, list[int]]:
    """The indices of the rows of each kind, in a random order that all kinds share."""
    kinds: dict[Kind, list[tuple[bytes, int]]] = {}
    first, *others = comparison.columns
    for mode, column in ((mode, column) for mode in comparison.modes for column in others):
        for i, (before, after) in enumerate(zip(first.predictions[mode], column.predictions[mode], strict=True)):
            if before.id in comparison.evidence:
                drawn = hashlib.sha256(f"{seed} {before.id}".encode("utf-8", "replace")).digest()
                kinds.setdefault(Kind(mode, column.name, before.label, after.label), []).append((drawn, i))
    order = sorted(kinds, key=lambda k: (k.before == k.after, LABELS.index(k.before), LABELS.index(k.after)))
    return {kind: [i for _, i in sorted(kinds[kind])] for kind in order}


def _example(comparison: Comparison, mode: str, place: int) -> Example:
    said = {column.name: column.predictions[mode][place] for column in comparison.columns}
    row = comparison.columns[0].predictions[mode][place].id
    evidence = comparison.evidence[row]
    answers = evidence.question.answers
    return Example(
        row,
        mode,
        evidence.question.text[:_LONGEST_QUESTION],
        [answer[:_LONGEST_QUESTION] for answer in answers[:_MOST_ANSWERS]],
        evidence.answer_in_context,
        evidence.gold_removed,
        _passages(evidence) if mode == "rag" else [],
        [ShownReply(name, p.label, segments(p.text, answers, _LONGEST_REPLY)) for name, p in said.items()],
    )


def _passages(evidence: Evidence) -> list[ShownPassage]:
    asked, found = evidence.question, []
    for passage in evidence.passages:
        text = segments(passage.text, asked.answers, _LONGEST_PASSAGE, asked.text)
        title = segments(passage.title, asked.answers, _LONGEST_QUESTION, asked.text)
        found.append(ShownPassage(title, text, holds_answer(passage, asked.answers, asked.text)))
    return found


def _weight(example: Example) -> int:
    """A rough upper estimate of an example's bytes on the page, with escaped characters."""
    pieces = [piece for passage in example.passages for piece in (*passage.title, *passage.text)]
    pieces += [piece for reply in example.replies for piece in reply.text]
    names = [example.id, example.question, *example.answers, *(reply.column for reply in example.replies)]
    texts = [shown(text) for text in (*names, *(text for text, _ in pieces))]
    entities = sum(4 * text.count(sign) for text in texts for sign in "&<>\"'")
    tags = 300 + 60 * len(example.passages) + 70 * len(example.replies) + 20 * len(texts)
    return sum(len(text.encode()) for text in texts) + entities + tags
