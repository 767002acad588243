"""Rows to passages, of a corpus or of a question, with unique ids.

Two passages with the same id, title and text are one passage. If only the id is the same, they are chunks of one
document, or ids start again in every question. Both are kept, and each gets the id `ID#` followed by eight digits of a
hash over title and text. A gold id that names the document matches each of its chunks (`Question.is_gold`).
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
    """Read a corpus: the embedded one, or any source that `read_questions` takes, with a column `text`.

    The columns `id` and `title` are optional. Chunks that share their document's id get unique ids, as the module's
    docstring says. In a corpus without a column of ids, the id of a passage is a hash of its title and text.

    Args:
        source: as in `read_questions`.
        split: as in `read_questions`; the embedded corpus is split too, so that test passages stay unseen.
        max_words: the most words of a passage; 0 keeps all passages whole.
        split_long: split longer passages between sentences instead of truncating them.
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
            raise UserError(f"{where} has no passage text in {column!r}", "fill it in or drop the row")
        refuse_long(text, where, mapping.column("text"), LONGEST_PASSAGE)
        title = read_text(mapping.cell("title", row, where), where, mapping.column("title"))
        identifier = read_text(mapping.cell("id", row, where), where, mapping.column("id"))
        has_ids = has_ids or (number == 1 and mapping.column("id") in row)
        if has_ids and not identifier:
            column = mapping.column("id")
            raise UserError(f"{where} has no id in {column!r}", "fill it in or drop the row")
        passages.append(Passage(identifier or _content_id(title, text), text, title))
    return shortened(told_apart(passages), max_words, split_long)


def question_passages(value: Any, title: str, where: str, column: str) -> tuple[Passage, ...]:
    """The passages in a question's cell.

    Args:
        value: a text; a list of texts or of objects with `text` and optionally `id`, `title` and `score`; an object of
            such lists; or any of these written as text.
        title: the title of a passage that is only a text.
        where: the row, for messages.
        column: the column, for messages.

    Raises:
        UserError: for a passage without text, or a field with an unexpected value.
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
    lowest = min((p.score for p in passages), default=0.0)  # a passage without a score ranks last
    return tuple(told_apart([*passages, *(replace(p, score=lowest) for p in unscored)]))


def corpus_of(questions: Sequence[Question]) -> tuple[list[Passage], list[Question]]:
    """Merge the passages of questions into one corpus, and adapt the questions' gold ids to it.

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
    """The passages in their order, each once and with a unique id.

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
    """What equal passages have in common: the original id (without the hash that we append), title and text."""
    document, _, mark = passage.id.rpartition("#")
    return document if document and mark == _mark(passage) else passage.id, passage.title, passage.text


def _content_id(title: str, text: str) -> str:
    return hashlib.sha256(f"{title}\0{text}".encode()).hexdigest()[:12]


def _mark(passage: Passage) -> str:
    return hashlib.sha256(f"{passage.title}\0{passage.text}".encode()).hexdigest()[:8]


def _listed(value: Any, where: str, column: str) -> list[Any]:
    """One item per passage. An object of lists, as older datasets store a list of objects, becomes such a list."""
    if is_absent(value):
        return []
    if isinstance(value, dict) and isinstance(plain(value.get("text")), list):
        fields = {key: plain(items) for key, items in value.items() if isinstance(plain(items), list)}
        if len({len(items) for items in fields.values()}) > 1:
            what = f"{where}: the lists in column {column!r} differ in length"
            raise UserError(what, "give every list one item per passage")
        return [dict(zip(fields, items, strict=True)) for items in zip(*fields.values(), strict=True)]
    if isinstance(value, str | dict):
        return [value]
    if not isinstance(value, list | tuple):
        raise UserError(f"{where}: column {column!r} contains no passages", "map another column")
    return list(value)
