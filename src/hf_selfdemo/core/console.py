"""The one place that prints: what a run says on standard error, its results on standard output.

Questions, replies, names of columns and folders, and what servers answer are words of others. Here they are shown as
they are: none is read as mark-up, and control characters are made visible before they reach the terminal.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.segment import Segment
from rich.text import Text

from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.core.lines import Lines
from hf_selfdemo.core.types import Usage

_FILE_WIDTH = 120
"""Characters of a line of a table that goes to a file or a pipe."""

_COLUMN_WIDTH = 24
"""Characters of a column in such a line."""


class _Plain(Console):
    """A console that shows every text as it is. Only styles and cursor movements of rich itself reach the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(shown(text), **options)  # before it is measured, so that columns stay aligned

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        for segment in super().render(*arguments, **options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))


# with both, a progress bar in a notebook calls itself for ever
_log = _Plain(stderr=True, force_jupyter=False)


def say(line: str, style: str = "") -> None:
    """Tell how a run goes, in a line on standard error."""
    _log.print(line, style=style or None, soft_wrap=True)


def fail(line: str) -> None:
    """Tell why a run ends, in a line on standard error; every process does, those that are `hush`ed too.

    What was given may be quoted there: tokens among it are named, not shown.
    """
    from hf_selfdemo.core.secrets import redacted

    print(shown(redacted(line)), file=sys.stderr)


def show(result: RenderableType, width: int = _FILE_WIDTH) -> None:
    """Print a result on standard output, where it can be piped.

    Args:
        result: a text, which is printed whole, or a table.
        width: characters of a line of a table that goes to a file or a pipe; a terminal has its own.
    """
    if isinstance(result, str):
        print(shown(result))
        return
    terminal = _Plain()
    (terminal if terminal.is_terminal else _Plain(width=width)).print(result)


def show_part(text: str) -> None:
    """Print a part of a line on standard output at once, as a model writes it; the next part goes on behind it."""
    print(shown(text), end="", flush=True)


def read_line(prompt: str) -> str | None:
    """A line that the user types, without its end; None at the end of input.

    Args:
        prompt: stands before what is typed, if standard input is a terminal.
    """
    try:
        return input(prompt if sys.stdin.isatty() else "")
    except EOFError:
        return None


def table_width(models: int) -> int:
    """Characters of a line of a table with a column a model, its names and what stands beside them."""
    return _COLUMN_WIDTH * (models + 3)


def hush(quiet: bool) -> None:
    """Say nothing from here on, or speak again: of several processes one does."""
    _log.quiet = quiet


@contextmanager
def progress(name: str, total: int) -> Iterator[Callable[..., None]]:
    """A bar on standard error; yields what counts, as `Lines.advance` does.

    Where that is not a terminal, or a spinner is shown already, it is lines.
    """
    if not _log.is_terminal or _shown:
        lines = Lines(name, say, total)
        with lines.ticking():
            yield lines.advance
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with _alone(), Progress(*columns, console=_log) as bars:
        task = bars.add_task(name, total=total)

        def advance(rows: int, total: int | None = None, note: str = "", before: int = 0) -> None:
            bars.update(task, advance=rows + before, total=total, description=f"{name} {note}".strip())

        yield advance


@contextmanager
def waiting(what: str) -> Iterator[None]:
    """A spinner for work whose length is not known beforehand; where there is no terminal, a line now and then.

    Below a bar that is shown already there is none: a terminal has one of both at a time.
    """
    if not _log.is_terminal:
        with Lines(what, say).ticking():
            yield
    elif _shown:
        yield
    else:
        with _alone(), _log.status(Text(what)):
            yield


_shown: list[None] = []
"""One entry for each bar or spinner that is shown."""


@contextmanager
def _alone() -> Iterator[None]:
    _shown.append(None)
    try:
        yield
    finally:
        _shown.pop()


def log_plainly(level: int) -> None:
    """Let log records and warnings of all libraries reach standard error in the same way."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PlainFormatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def recall_line(recall: dict[str, float]) -> str:
    """The retrieval report in one line, by depth.

    Example:
        >>> recall_line({"answer@1": 0.5, "answer@10": 1.0, "answer@2": 0.75, "no_passage": 0.25})
        'retrieval: answer@1 0.50, answer@2 0.75, answer@10 1.00, no_passage 0.25'
    """

    def depth(name: str) -> float:
        return float(name.partition("@")[2] or "inf")

    figures = [f"{name} {recall[name]:.2f}" for name in sorted(recall, key=lambda name: (depth(name), name))]
    return "retrieval: " + (", ".join(figures) or "nothing to measure")


def usage_line(what: str, usage: Usage, reused: Usage) -> str:
    """What calls cost that were made now, in one line; `reused` are those that were in the ledger."""
    cut = usage.thoughts_cut + reused.thoughts_cut
    more = f"; thoughts were cut from {cut} replies" if cut else ""
    for name, count in (usage + reused).left_out.items():
        more += f"; {count} were written without `{name}`, which the server refuses"
    if not usage.calls:
        return f"{what}: no call; {'all were in the ledger' if reused.calls else 'none was needed'}{more}"
    return (
        f"{what}: {usage.calls} calls, {usage.prompt_tokens} prompt tokens ({usage.cached_tokens} of them cached), "
        f"{usage.generated_tokens} generated{more}"
    )


def in_units(size: float) -> str:
    """Bytes for people.

    Example:
        >>> in_units(512), in_units(9_796_392)
        ('512 B', '9.8 MB')
    """
    for unit in ("B", "kB", "MB"):
        if size < _KILO:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= _KILO
    return f"{size:.1f} GB"


_KILO = 1000
