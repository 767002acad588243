"""Which column of a dataset has which role."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
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
"""Where each role stands in well-known datasets, as far as it differs from a column of the role's own name.

A dot goes into a nested value: `answers.text` is the list `text` in the struct `answers`. `dpr` is the format of the
usual passage sets of nq_open (DPR, FiD, Contriever): `question`, `answers`, `ctxs` with `id, title, text, score`.
"""

_DEFAULTS = {"id": "id", "question": "question", "answers": "answers"}


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """The column of each role, and the roles that every row must have: question, answers, and what was mapped by hand.

    Raises:
        UserError: from `of`, for an unknown preset or a pair that is not role=column.
    """

    columns: Mapping[str, str]
    needed: frozenset[str]

    @classmethod
    def of(cls, preset: str, pairs: Sequence[str]) -> ColumnMap:
        """A preset with "role=column" pairs over it."""
        if preset not in PRESETS:
            raise UserError(f"unknown preset {preset!r}", did_you_mean(preset, list(PRESETS)))
        columns, needed = _DEFAULTS | PRESETS[preset], {"question", "answers"}
        for pair in pairs:
            role, _, column = pair.partition("=")
            if not column or role not in ROLES:
                remedy = "write the column after the =" if role in ROLES else did_you_mean(role, list(ROLES))
                raise UserError(f"columns: {pair!r} is not a role=column pair", remedy)
            columns[role] = column
            needed.add(role)
        taken = {columns[role].split(".")[0] for role in needed}
        # a column that the user has given a role is no longer what a preset takes it for
        kept = {r: c for r, c in columns.items() if r in needed or c.split(".")[0] not in taken}
        return cls(kept, frozenset(needed))

    def column(self, role: str) -> str:
        """The role's column; its own name if it has none."""
        return self.columns.get(role, role)

    def cell(self, role: str, row: dict[str, Any], where: str) -> Any:
        """The role's cell in a row; None where neither preset nor user has the column."""
        column = self.columns.get(role)
        if column is None or (role not in self.needed and column.split(".")[0] not in row):
            return None
        return dig(row, column, where)


def dig(row: dict[str, Any], column: str, where: str) -> Any:
    """Follow a dotted column into structs and lists of structs, also those written as text; an absent one ends it.

    Raises:
        UserError: where a step leads nowhere.

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
    """What to write instead of a step that leads nowhere, as the whole column that it would be."""
    near = difflib.get_close_matches(step, known, n=1)  # parents are alike and would make all look near
    columns = [".".join([*parents, key]) for key in near or known]
    return f"did you mean {columns[0]!r}?" if near else did_you_mean("", columns)
