"""All printing: messages of a run to standard error, results to standard output.

Questions, replies, names of columns and folders, and servers' messages are untrusted. They are never read as markup,
and control characters in them are made visible.
"""

from __future__ import annotations

import logging
import os
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
"""The width in characters of a table that is written to a file or pipe."""

_COLUMN_WIDTH = 24
"""The width in characters of a column of such a table."""


class OutputClosed(SystemExit):
    """The reader of the output closed the pipe, as `head` does. The program ends quietly, with the code of SIGPIPE."""

    def __init__(self) -> None:
        super().__init__(141)


@contextmanager
def _to_a_reader() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise OutputClosed from None


def flush_output() -> None:
    """Write out what was printed, before the program ends.

    Raises:
        OutputClosed: if nobody reads it.
    """
    for stream in (sys.stdout, sys.stderr):
        with _to_a_reader():
            try:
                stream.flush()
            except BrokenPipeError:
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())  # else Python reports it at its exit
                raise


class _Plain(Console):
    """A console that prints every text literally. Only rich's own styles and cursor movements reach the terminal."""

    def __init__(self, **options: Any) -> None:
        super().__init__(markup=False, emoji=False, highlight=False, **options)

    def on_broken_pipe(self) -> None:
        raise OutputClosed

    def render_str(self, text: str, **options: Any) -> Text:
        return super().render_str(shown(text), **options)  # before it is measured, so that columns stay aligned

    def render(self, *arguments: Any, **options: Any) -> Iterable[Segment]:
        for segment in super().render(*arguments, **options):
            yield segment if segment.control else segment._replace(text=shown(segment.text))


# with both standard error and Jupyter output, a progress bar in a notebook calls itself without end
_log = _Plain(stderr=True, force_jupyter=False)


def say(line: str, style: str = "") -> None:
    """Print a message about the run to standard error."""
    _log.print(line, style=style or None, soft_wrap=True)


def fail(line: str) -> None:
    """Print why a run ends, in one line to standard error, even in a process that is `hush`ed.

    The line may quote input, so secrets in it are replaced by their kind.
    """
    from hf_selfdemo.core.secrets import redacted

    with _to_a_reader():
        print(shown(redacted(line)), file=sys.stderr)


def show(result: RenderableType, width: int = _FILE_WIDTH) -> None:
    """Print a result to standard output.

    Args:
        result: a text, which is not wrapped, or a table.
        width: the width in characters of a table that is written to a file or pipe. A terminal has its own width.
    """
    if isinstance(result, str):
        with _to_a_reader():
            print(shown(result))
        return
    terminal = _Plain()
    (terminal if terminal.is_terminal else _Plain(width=width)).print(result)


def show_part(text: str) -> None:
    """Print a part of a line to standard output at once, while a model writes it. The next part continues the line."""
    with _to_a_reader():
        print(shown(text), end="", flush=True)


def read_line(prompt: str) -> str | None:
    """Read a line that the user types, without its line end; None at the end of input.

    Args:
        prompt: the text before the input, which is shown if standard input is a terminal.
    """
    try:
        return input(prompt if sys.stdin.isatty() else "")
    except EOFError:
        return None


def table_width(models: int) -> int:
    """The width in characters of a table with one column per model."""
    return _COLUMN_WIDTH * (models + 3)


def hush(quiet: bool) -> None:
    """Turn messages off or on. Only one of several processes prints messages."""
    _log.quiet = quiet


@contextmanager
def progress(name: str, total: int, calls: Callable[[], int] = lambda: 0) -> Iterator[Callable[..., None]]:
    """A progress bar on standard error. Yields a function that counts, like `Lines.advance`.

    If standard error is not a terminal, or a bar or spinner is already shown, it prints lines instead.

    Args:
        name: the name of the work.
        total: how much there is to do.
        calls: as in `Lines`.
    """
    if not _log.is_terminal or _shown:
        lines = Lines(name, say, total, calls=calls)
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
    """A spinner for work of unknown length. Without a terminal, it prints a line from time to time.

    If a bar or spinner is already shown, no other is added.
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
"""One entry for each bar or spinner on the terminal."""


@contextmanager
def _alone() -> Iterator[None]:
    _shown.append(None)
    try:
        yield
    finally:
        _shown.pop()


def log_plainly(level: int) -> None:
    """Print log records and warnings of all libraries to standard error, with control characters made visible."""
    handler = logging.StreamHandler()
    handler.setFormatter(_PlainFormatter("%(message)s"))
    logging.basicConfig(level=level, handlers=[handler])
    logging.captureWarnings(True)


class _PlainFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return shown(super().format(record))


def recall_line(recall: dict[str, float]) -> str:
    """The retrieval report in one line, sorted by depth.

    Example:
        >>> recall_line({"answer@1": 0.5, "answer@10": 1.0, "answer@2": 0.75, "no_passage": 0.25})
        'retrieval: answer@1 0.50, answer@2 0.75, answer@10 1.00, no_passage 0.25'
    """

    def depth(name: str) -> float:
        return float(name.partition("@")[2] or "inf")

    figures = [f"{name} {recall[name]:.2f}" for name in sorted(recall, key=lambda name: (depth(name), name))]
    return "retrieval: " + (", ".join(figures) or "nothing to measure")


def usage_line(what: str, usage: Usage, reused: Usage) -> str:
    """The cost of the calls made now, in one line. `reused` counts the calls found in the generation cache."""
    cut = usage.thoughts_cut + reused.thoughts_cut
    more = f"; thoughts were removed from {cut} replies" if cut else ""
    for name, count in (usage + reused).left_out.items():
        more += f"; {count} were written without `{name}`, which the server rejects"
    if not usage.calls:
        return f"{what}: no call; {'all were in the generation cache' if reused.calls else 'none was needed'}{more}"
    return (
        f"{what}: {usage.calls} calls, {usage.prompt_tokens} prompt tokens ({usage.cached_tokens} of them cached), "
        f"{usage.generated_tokens} generated{more}"
    )


def in_units(size: float) -> str:
    """A number of bytes in a readable unit.

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
