"""Rows to passages: of a corpus, or those that came with a question, and ids that tell them apart.

Two passages with one id and the same title and text are one. With other texts they are chunks of one document, or ids
that count anew in every question: both stay, as `ID#` and eight digits of a hash over title and text. A gold id that
names the document is met by each of its chunks (`Question.is_gold`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import Passage, Question
from hf_selfdemo.data.questions.columns import ColumnMap
from hf_selfdemo.data.questions.shortening import shortened
from hf_selfdemo.data.questions.sources import Source, read_rows
from hf_selfdemo.data.questions.values import (
    LONGEST_PASSAGE,
    is_absent,
    plain,
    read_number,
    read_text,
    refuse_long,
    structured,
)


def read_passages(
    source: Source,
    split: str = "train",
    max_words: int = 0,
    split_long: bool = False,
    columns: Sequence[str] = (),
    dataset_config: str | None = None,
    revision: str | None = None,
) -> list[Passage]:
    """Read a corpus: the embedded one, or any source as for questions, with columns `id`, `text` and perhaps `title`.

    Chunks that share their document's id are told apart as the module's docstring says. In a corpus without a column of
    ids, a passage has a hash of its title and text for one.

    Args:
        source: as in `read_questions`.
        split: as in `read_questions`; the embedded corpus is split too, so that test passages stay unseen.
        max_words: the longest passage; 0 keeps them whole.
        split_long: split longer ones between sentences instead of cutting them.
        columns: "role=column" pairs of `id`, `text` and `title`, e.g. `text=contents`.
        dataset_config: as in `read_questions`.
        revision: as in `read_questions`.

    Raises:
        UserError: if a passage has no text, or no id where others have one.

    Example:
        >>> read_passages("embedded", "train")[0].title
        'Polonium'
        >>> read_passages([{"_id": 7, "body": "It rains."}], columns=["id=_id", "text=body"])
        [Passage(id='7', text='It rains.', title='', score=0.0)]
    """
    mapping, passages = ColumnMap.of_corpus(columns), []
    has_ids = "id" in mapping.needed
    for number, where, row in read_rows(source, split, dataset_config, revision, embedded="corpus.jsonl"):
        text = mapping.cell("text", row, where)
        if not isinstance(text, str) or not text.strip():
            column = mapping.column("text")
            raise UserError(f"{where} is not a passage, it has no text in `{column}`", "fill it in or drop the row")
        refuse_long(text, where, mapping.column("text"), LONGEST_PASSAGE)
        title = read_text(mapping.cell("title", row, where), where, mapping.column("title"))
        identifier = read_text(mapping.cell("id", row, where), where, mapping.column("id"))
        has_ids = has_ids or (number == 1 and mapping.column("id") in row)
        if has_ids and not identifier:
            column = mapping.column("id")
            raise UserError(f"{where} is not a passage, it has no id in `{column}`", "fill it in or drop the row")
        passages.append(Passage(identifier or _content_id(title, text), text, title))
    return shortened(told_apart(passages), max_words, split_long)


def question_passages(value: Any, title: str, where: str, column: str) -> tuple[Passage, ...]:
    """The passages in a question's cell.

    Args:
        value: a context, a list of contexts or of objects with `text` and perhaps `id`, `title`, `score`, an object of
            such lists, or any of these written as text.
        title: of a context, which has none of its own.
        where: the row, for messages.
        column: the column, for messages.

    Raises:
        UserError: for a passage without text, or a field that cannot be read.
    """
    items = [structured(item, where, column) for item in _listed(structured(value, where, column), where, column)]
    rows = [{"text": item, "title": title} if isinstance(item, str) else item for item in items]
    passages, unscored = [], []
    for fields in rows:
        if not isinstance(fields, dict) or not isinstance(fields.get("text"), str) or not fields["text"].strip():
            raise UserError(f"{where} has a passage without text", "give each passage a `text`")
        refuse_long(fields["text"], where, f"{column}.text", LONGEST_PASSAGE)
        identifier = read_text(fields.get("id", fields.get("passage_id")), where, f"{column}.id")
        identifier = identifier or hashlib.sha256(fields["text"].encode()).hexdigest()[:12]
        score = read_number(fields.get("score"), where, f"{column}.score")
        passage = Passage(identifier, fields["text"], read_text(fields.get("title"), where, f"{column}.title"))
        if score is None:
            unscored.append(passage)
        else:
            passages.append(replace(passage, score=score))
    lowest = min((p.score for p in passages), default=0.0)  # an absent score is never better than one that is there
    return tuple(told_apart([*passages, *(replace(p, score=lowest) for p in unscored)]))


def corpus_of(questions: Sequence[Question]) -> tuple[list[Passage], list[Question]]:
    """The passages that came with questions as one corpus, and the questions with gold ids that hold in it.

    Example:
        >>> rows = [Question(q, "?", passages=(Passage("0", f"Of {q}."),), gold_ids=("0",)) for q in "ab"]
        >>> passages, questions = corpus_of(rows)
        >>> [p.text for p in passages if questions[1].is_gold(p)]
        ['Of b.']
    """
    passages = told_apart(p for q in questions for p in q.passages)
    ids = {_content(p): p.id for p in passages}

    def gold_ids(question: Question) -> tuple[str, ...]:
        own = [(p, ids[_content(p)]) for p in question.passages]
        followed: list[str] = []
        for gold in question.gold_ids:
            named = replace(question, gold_ids=(gold,))
            followed += [identifier for p, identifier in own if named.is_gold(p)] or [gold]
        return tuple(dict.fromkeys(followed))

    return passages, [replace(q, gold_ids=gold_ids(q)) if q.gold_ids else q for q in questions]


def told_apart(passages: Iterable[Passage]) -> list[Passage]:
    """The passages in their order, each once, with ids that no other has.

    Example:
        >>> both = told_apart([Passage("doc", "One."), Passage("doc", "Two."), Passage("doc", "One.")])
        >>> [(p.id[:4], p.text) for p in both]
        [('doc#', 'One.'), ('doc#', 'Two.')]
    """
    once: dict[tuple[str, str, str], Passage] = {}
    for passage in passages:
        once.setdefault(_content(passage), passage)
    texts: dict[str, int] = {}
    for document, _, _ in once:
        texts[document] = texts.get(document, 0) + 1
    return [p if texts[key[0]] == 1 else replace(p, id=f"{key[0]}#{_mark(p)}") for key, p in once.items()]


def _content(passage: Passage) -> tuple[str, str, str]:
    """What makes two passages one: the id that was given, without a mark of ours, and the words."""
    document, _, mark = passage.id.rpartition("#")
    return document if document and mark == _mark(passage) else passage.id, passage.title, passage.text


def _content_id(title: str, text: str) -> str:
    return hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()[:12]


def _mark(passage: Passage) -> str:
    return hashlib.sha256(f"{passage.title}\0{passage.text}".encode()).hexdigest()[:8]


def _listed(value: Any, where: str, column: str) -> list[Any]:
    """One item a passage; an object of lists, as older datasets keep lists of objects, item by item."""
    if is_absent(value):
        return []
    if isinstance(value, dict) and isinstance(plain(value.get("text")), list):
        fields = {key: plain(items) for key, items in value.items() if isinstance(plain(items), list)}
        if len({len(items) for items in fields.values()}) > 1:
            raise UserError(f"{where}: the lists in {column!r} differ in length", "give each passage its fields")
        return [dict(zip(fields, items, strict=True)) for items in zip(*fields.values(), strict=True)]
    if isinstance(value, str | dict):
        return [value]
    if not isinstance(value, list | tuple):
        raise UserError(f"{where}: {column!r} holds no passages", "map another column")
    return list(value)
