"""Rows to questions."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.types import RESERVED, Question
from hf_selfdemo.data.questions.columns import ColumnMap
from hf_selfdemo.data.questions.passages import question_passages
from hf_selfdemo.data.questions.sources import Row, Source, read_rows, source_name
from hf_selfdemo.data.questions.values import read_flag, read_text, read_texts, refuse_long


def read_questions(
    source: Source,
    split: str = "train",
    preset: str = "open_qa",
    columns: Sequence[str] = (),
    dataset_config: str | None = None,
    revision: str | None = None,
    number_prefix: str = "",
    list_separator: str = "",
) -> list[Question]:
    """Read questions in the order of the source.

    Args:
        source: "embedded", a file (.jsonl, .json, .csv, .tsv, all also .gz, .parquet, .xlsx), a dataset folder, a Hub
            id, a dataset of the `datasets` library, or a list of dicts.
        split: used where the source has splits.
        preset: a name in `PRESETS`.
        columns: "role=column" pairs that override the preset, e.g. `answers=answer.aliases`.
        dataset_config: the configuration of a Hub dataset.
        revision: the revision of a Hub dataset.
        number_prefix: a row without an id gets its number as id. This prefix keeps the ids of several sources unique.
        list_separator: splits a text in the columns of answers and gold ids into several, e.g. "|"; "" splits nothing.

    Raises:
        UserError: for a missing file or column, an empty source, a row without question text, a cell with an unexpected
            value, or an id that occurs twice or has an ending that marks derived rows. The message names the row.

    Example:
        >>> read_questions("embedded", split="test")[0].answerable
        True
        >>> rows = [{"query": "Who was she?", "answers": "Ada|A. Lovelace"}]
        >>> read_questions(rows, columns=["question=query"], list_separator="|")[0].answers
        ('Ada', 'A. Lovelace')
    """
    return list(each_question(source, split, preset, columns, dataset_config, revision, number_prefix, list_separator))


def each_question(
    source: Source,
    split: str,
    preset: str,
    columns: Sequence[str],
    dataset_config: str | None,
    revision: str | None,
    number_prefix: str,
    list_separator: str = "",
) -> Iterator[Question]:
    """The questions that `read_questions` returns, one at a time."""
    mapping = ColumnMap.of(preset, columns)
    seen: dict[str, int] = {}
    for row in read_rows(source, split, dataset_config, revision):
        question = _question(row, mapping, number_prefix, list_separator)
        if question.id in seen:
            raise UserError(
                f"rows {seen[question.id]} and {row.number} of {source_name(source)} both have the id {question.id!r}",
                "give every row its own id",
            )
        seen[question.id] = row.number
        yield question


def missing_columns(
    source: Source, mapping: ColumnMap, split: str = "", config: str | None = None, revision: str | None = None
) -> UserError | None:
    """An error that names the required columns that the first row of a source lacks, or None.

    Raises:
        UserError: if the source cannot be read, or has no rows.
    """
    row = next(read_rows(source, split, config, revision))
    return mapping.missing(row.fields, row.where)


def sample(questions: Sequence[Question], answerable: int, unanswerable: int, seed: int) -> list[Question]:
    """Draw at most so many answerable and unanswerable questions by seed, in their original order.

    A negative number keeps all of its kind.
    """
    rng = random.Random(seed)
    kept: set[str] = set()
    for flag, limit in ((True, answerable), (False, unanswerable)):
        ids = [q.id for q in questions if q.answerable == flag]
        kept.update(ids if limit < 0 or limit >= len(ids) else rng.sample(ids, limit))
    return [q for q in questions if q.id in kept]


def _question(row: Row, mapping: ColumnMap, number_prefix: str, separator: str) -> Question:
    cells = {role: mapping.cell(role, row.fields, row.where) for role in mapping.columns}

    def texts(role: str) -> tuple[str, ...]:
        return read_texts(cells.get(role), row.where, mapping.column(role), separator)

    def text(role: str) -> str:
        return read_text(cells.get(role), row.where, mapping.column(role))

    asked = cells["question"]
    if not isinstance(asked, str) or not asked.strip():
        raise UserError(
            f"{row.where} has no question text in {mapping.column('question')!r}", "fill it in or drop the row"
        )
    refuse_long(asked, row.where, mapping.column("question"))
    answers = texts("answers")
    answerable = read_flag(cells.get("answerable"), row.where, mapping.column("answerable"))
    identifier = text("id") or f"{number_prefix}{row.number:06d}"
    if made := RESERVED.search(identifier):
        raise UserError(
            f"{row.where} has the id {identifier!r}, but the ending {made[0]!r} is reserved for derived rows",
            "give the row another id",
        )
    return Question(
        id=identifier,
        text=asked.strip(),
        answers=answers,
        passages=question_passages(cells.get("passages"), text("title"), row.where, mapping.column("passages")),
        gold_ids=texts("gold"),
        answerable=bool(answers) if answerable is None else answerable,
        source=text("source"),
    )
