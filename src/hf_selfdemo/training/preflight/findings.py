"""Everything that is wrong, collected, so that one refusal names it all."""

from __future__ import annotations

from hf_selfdemo.core.errors import UserError

_SHOWN = 4
"""Rows named for one problem beyond the first; of the others there is the number."""

_Problems = dict[tuple[str, str, str], list[str]]
"""Rows by what they are called, what is wrong with them, and the remedy."""


class Findings:
    """Problems by what they are, each with the rows that have it.

    Args:
        rows: how many rows there are: a problem of the whole counts as one of all of them.

    Example:
        >>> found = Findings(rows=3)
        >>> found.refuse("has an empty response", "drop it", "q1")
        >>> found.refuse("has an empty response", "drop it", "q2")
        >>> found.raise_if_any()
        Traceback (most recent call last):
        ...
        hf_selfdemo.core.errors.UserError: row 'q1' has an empty response (and 1 more: 'q2'): drop it
    """

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._refused: _Problems = {}
        self._warned: _Problems = {}

    def refuse(self, what: str, remedy: str, row: str | None = None, kind: str = "row") -> None:
        """Note what training must not start with.

        Args:
            what: of a row, what can be said of it ("has an empty response"); else a sentence about the whole.
            remedy: as an instruction.
            row: id of the row that has it.
            kind: what the row is called.
        """
        _note(self._refused, what, remedy, row, kind)

    def warn(self, what: str, remedy: str, row: str | None = None, kind: str = "row") -> None:
        """Note what training may start with, but somebody ought to know. Arguments as for `refuse`."""
        _note(self._warned, what, remedy, row, kind)

    @property
    def warnings(self) -> list[str]:
        """One line each, worst first."""
        return [": ".join(told) for told in self._worst_first(self._warned)]

    def raise_if_any(self) -> None:
        """Refuse, if there is a reason to.

        Raises:
            UserError: naming every problem with its remedy, the one that touches most rows first.
        """
        if not self._refused:
            return
        *others, (what, remedy) = self._worst_first(self._refused)
        if others:
            listed = "".join(f"({i}) {': '.join(told)}; " for i, told in enumerate(others, 1))
            what = f"{len(others) + 1} things are wrong with what would be trained. {listed}({len(others) + 1}) {what}"
        raise UserError(what, remedy)

    def _worst_first(self, problems: _Problems) -> list[tuple[str, str]]:
        found = sorted(problems.items(), key=lambda problem: -(len(problem[1]) or self._rows))
        return [(_sentence(kind, what, names), remedy) for (kind, what, remedy), names in found]


def _note(problems: _Problems, what: str, remedy: str, row: str | None, kind: str) -> None:
    names = problems.setdefault((kind, what, remedy), [])
    if row is not None:
        names.append(row)


def _sentence(kind: str, what: str, names: list[str]) -> str:
    if not names:
        return what
    first, *others = names
    shown = ", ".join(map(repr, others[:_SHOWN])) + ", ..." * (len(others) > _SHOWN)
    return f"{kind} {first!r} {what}" + (f" (and {len(others)} more: {shown})" if others else "")
