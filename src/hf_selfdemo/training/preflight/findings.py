"""Problems that a preflight collects, so that one error names all of them."""

from __future__ import annotations

from hf_selfdemo.core.errors import UserError

_SHOWN = 4
"""How many further rows a message names for one problem, after the first; the rest are only counted."""

_Problems = dict[tuple[str, str, str], list[str]]
"""Row ids by (kind of row, problem, remedy)."""


class Findings:
    """Collects problems, each with the rows that have it.

    Args:
        rows: number of rows. A problem of the whole dataset is sorted as if all rows had it.

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
        """Add a problem that prevents training.

        Args:
            what: for a row, a predicate ("has an empty response"); otherwise a sentence about the dataset.
            remedy: what to do, as an instruction.
            row: id of the row with the problem.
            kind: the word for the row in messages.
        """
        _note(self._refused, what, remedy, row, kind)

    def warn(self, what: str, remedy: str, row: str | None = None, kind: str = "row") -> None:
        """Add a problem that does not prevent training. The arguments are those of `refuse`."""
        _note(self._warned, what, remedy, row, kind)

    @property
    def warnings(self) -> list[str]:
        """One line each, worst first."""
        return [": ".join(told) for told in self._worst_first(self._warned)]

    def raise_if_any(self) -> None:
        """Raise one error for all problems that prevent training.

        Raises:
            UserError: naming every problem with its remedy, the one with most rows first.
        """
        if not self._refused:
            return
        *others, (what, remedy) = self._worst_first(self._refused)
        if others:
            listed = "".join(f"({i}) {': '.join(told)}; " for i, told in enumerate(others, 1))
            what = f"the training data has {len(others) + 1} problems. {listed}({len(others) + 1}) {what}"
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
