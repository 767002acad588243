"""Progress on standard error, so that tables on standard output can be piped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.status import Status

from hf_selfdemo.types import Usage

console = Console(stderr=True, force_jupyter=False)  # with both, a progress bar in a notebook calls itself for ever


@contextmanager
def progress(name: str, total: int) -> Iterator[Callable[..., None]]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bars:
        task = bars.add_task(name, total=total)

        def advance(rows: int, total: int | None = None, note: str = "") -> None:
            bars.update(task, advance=rows, total=total, description=f"{name} {note}".strip())

        yield advance


def waiting(what: str) -> Status:
    """A spinner for work whose length is not known beforehand."""
    return console.status(what)


def recall_line(recall: dict[str, float]) -> str:
    """The retrieval report in one line."""
    return "retrieval: " + (", ".join(f"{name} {value:.2f}" for name, value in recall.items()) or "nothing to measure")


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
