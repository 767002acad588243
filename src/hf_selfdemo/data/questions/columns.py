"""Which column of a dataset has which role."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.data.questions.values import is_absent, structured

ROLES = ("id", "question", "answers", "passages", "title", "gold", "answerable", "source")

PRESETS: dict[str, dict[str, str]] = {
    "open_qa": {"gold": "gold", "answerable": "answerable", "source": "source"},
    "squad": {"answers": "answers.text", "passages": "context", "title": "title"},
    "squad_v2": {"answers": "answers.text", "passages": "context", "title": "title"},
    "nq_open": {"answers": "answer"},
    "dpr": {"passages": "ctxs"},
    "kilt": {"question": "input", "answers": "output.answer"},
}
"""The columns of well-known datasets, by role. A role that is not listed is in the column of its own name.

A dot leads into a nested value: `answers.text` is the list `text` in the struct `answers`. `dpr` is the format in which
passages for nq_open are usually published (DPR, FiD, Contriever): `question`, `answers`, `ctxs` with `id, title, text,
score`.
"""

_DEFAULTS = {"id": "id", "question": "question", "answers": "answers"}
_OF_CORPUS = {"id": "id", "text": "text", "title": "title"}

_USUAL = {
    "question": ("query", "prompt", "input"),
    "answers": ("answer", "gold_answer", "ground_truth", "reference", "expected_answer", "target", "output"),
    "text": ("passage", "context", "content", "contents", "body", "document", "chunk"),
}
"""Other common names of a role's column, suggested if a file has no column of the role's own name."""

_LISTED = 20
"""The most columns that a message lists."""


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The column of each role, and the roles that every row must have.

    Every row must have the question and the answers (a passage: the text) and each role that the user mapped. `key` is
    the recipe's option with the pairs, for messages.

    Raises:
        UserError: from `of` and `of_corpus`, for an unknown preset or a pair that is not role=column.
    """

    columns: Mapping[str, str]
    needed: frozenset[str]
    key: str = "columns"

    @classmethod
    def of(cls, preset: str, pairs: Sequence[str]) -> ColumnMap:
        """The column map of questions: a preset, overridden by "role=column" pairs."""
        if preset not in PRESETS:
            raise UserError(f"unknown preset {preset!r}", did_you_mean(preset, list(PRESETS)))
        mapped = mapped_by_hand(pairs, ROLES, "columns")
        columns, needed = _DEFAULTS | PRESETS[preset] | mapped, {"question", "answers", *mapped}
        taken = {columns[role].split(".")[0] for role in needed}
        # the preset's role for a column is dropped if the user gave that column another role
        kept = {r: c for r, c in columns.items() if r in needed or c.split(".")[0] not in taken}
        return cls(kept, frozenset(needed))

    @classmethod
    def of_corpus(cls, pairs: Sequence[str]) -> ColumnMap:
        """The column map of passages: id, text and title, overridden by "role=column" pairs."""
        mapped = mapped_by_hand(pairs, tuple(_OF_CORPUS), "corpus_columns")
        return cls(_OF_CORPUS | mapped, frozenset({"text", *mapped}), "corpus_columns")

    def column(self, role: str) -> str:
        """The role's column, or the name of the role if no column is mapped to it."""
        return self.columns.get(role, role)

    def cell(self, role: str, row: dict[str, Any], where: str) -> Any:
        """The role's cell in a row, or None if no column is mapped to the role or the row lacks an optional column.

        Raises:
            UserError: if the row lacks a required column.
        """
        column = self.columns.get(role)
        if column is None:
            return None
        if column.split(".")[0] not in row:
            if role in self.needed and (error := self.missing(row, where)):
                raise error
            return None
        return dig(row, column, where)

    def missing(self, row: Mapping[str, Any], where: str) -> UserError | None:
        """An error that names all required columns that a row lacks, and the pairs that map likely ones, or None."""
        absent = {role: c for role, c in self.columns.items() if role in self.needed and c.split(".")[0] not in row}
        if not absent:
            return None
        what = f"{where} has no column " + " and no column ".join(map(repr, absent.values()))
        near = {role: _meant(role, column, row) for role, column in absent.items()}
        pairs = f"{self.key}: [{', '.join(f'{role}=' + (name or 'COLUMN') for role, name in near.items())}]"
        if all(near.values()):
            return UserError(what, f"did you mean {' and '.join(map(repr, near.values()))}? Then set {pairs}")
        names = ", ".join(sorted(row)[:_LISTED]) + (", ..." if len(row) > _LISTED else "")
        return UserError(what, f"its columns are {names or 'none'}; set {pairs}")


def _meant(role: str, column: str, row: Mapping[str, Any]) -> str:
    """The column of a row that the user probably meant, or "" if none is similar."""
    usual = [name for name in _USUAL.get(role, ()) if name in row]
    return next(iter([*difflib.get_close_matches(column, list(row), n=1), *usual]), "")


def mapped_by_hand(pairs: Sequence[str], roles: Collection[str], key: str) -> dict[str, str]:
    """The column of each role that the user mapped.

    Args:
        pairs: "role=column" pairs.
        roles: the known roles.
        key: the recipe's option with the pairs, for messages.

    Raises:
        UserError: for a pair that is not role=column.
    """
    mapped = {}
    for pair in pairs:
        role, _, column = pair.partition("=")
        if not column or role not in roles:
            remedy = "write the column after the =" if role in roles else did_you_mean(role, list(roles))
            raise UserError(f"{key}: {pair!r} is not a role=column pair", remedy)
        mapped[role] = column
    return mapped


def dig(row: dict[str, Any], column: str, where: str) -> Any:
    """The value of a dotted column: it leads through structs and lists of structs, also if these are written as text.

    Returns None if a value on the way is absent.

    Raises:
        UserError: if no struct has a field of the name that a step asks for.

    Example:
        >>> dig({"answers": {"text": ["Ada"]}}, "answers.text", "row 1")
        ['Ada']
    """
    value: Any = row
    steps = column.split(".")
    for depth, step in enumerate(steps):
        value = structured(value, where, ".".join(steps[:depth]))
        if is_absent(value):
            return None
        items = [item for item in (value if isinstance(value, list) else [value]) if isinstance(item, dict)]
        if value != [] and not any(step in item for item in items):
            known = sorted({key for item in items for key in item})
            remedy = "map it with columns; " + _nearest(steps[:depth], step, known) if known else "map another column"
            raise UserError(f"{where} has no column {column!r}", remedy)
        value = [item.get(step) for item in items] if isinstance(value, list) else value[step]
    return value


def _nearest(parents: Sequence[str], step: str, known: list[str]) -> str:
    """The remedy for an unknown step: the full dotted name of the most similar column."""
    near = difflib.get_close_matches(step, known, n=1)  # without the parents, which would make all names look similar
    columns = [".".join([*parents, key]) for key in near or known]
    return f"did you mean {columns[0]!r}?" if near else did_you_mean("", columns)
