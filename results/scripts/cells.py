"""The cells of the tables, and the line above each section's tables that says what they were made from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from figures import Difference, System
from records import Record


def markdown(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns are right-aligned, except the first."""
    lines = [header, ["---", *["--:"] * (len(header) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def mean_cell(values: Sequence[float | None]) -> str:
    """The mean over the seeds and, if there are several, the lowest and highest value.

    Example:
        >>> mean_cell([0.25, 0.75]), mean_cell([0.5]), mean_cell([None])
        ('0.50 (0.25 to 0.75)', '0.50', '-')
    """
    there = [value for value in values if value is not None]
    if not there:
        return "-"
    mean = f"{sum(there) / len(there):.2f}"
    return f"{mean} ({min(there):.2f} to {max(there):.2f})" if len(there) > 1 else mean


def number_cell(values: Sequence[float | None], digits: int) -> str:
    """The mean over the seeds; empty if no seed has a value.

    Example:
        >>> number_cell([1000, 1400], 0), number_cell([None], 0)
        ('1,200', '')
    """
    there = [value for value in values if value is not None]
    return f"{sum(there) / len(there):,.{digits}f}" if there else ""


def change_cell(change: Difference) -> str:
    """A difference with its interval, bold if the interval excludes 0.

    Example:
        >>> change_cell(Difference(0.1, (0.05, 0.2)))
        '**+0.10** [+0.05, +0.20]'
    """
    if change.value is None or change.interval is None:
        return "-"
    value, low, high = map(_signed, (change.value, *change.interval))
    return f"{f'**{value}**' if change.clear else value} [{low}, {high}]"


def _signed(value: float) -> str:
    return f"{round(value, 2) + 0.0:+.2f}"  # adding 0.0 turns -0.0 into 0.0


def foot(systems: Iterable[System], which: str, counted: str) -> str:
    """A line that says what tables were made from: rows, seeds, recipes, commits and machines.

    Args:
        systems: the rows of the tables.
        which: the set that they were evaluated on.
        counted: the number of rows or pairs, in words.
    """
    shown = [system for system in systems if system.records]
    records = {record["name"]: record for system in shown for record in system.records}
    parts = [counted, *_seeds(shown), *_unscored(shown), *_base_differs(records.values(), which)]
    recipes = sorted({record["recipe"] for record in records.values() if record.get("recipe")})
    parts += [f"recipes {', '.join(recipes)}"] if recipes else []
    parts += [f"commit {', '.join(sorted({_commit(record) for record in records.values()}))}"]
    parts += [f"machine {' / '.join(sorted({record['machine'] for record in records.values()}))}"]
    return f"*{'; '.join(parts)}.*\n"


def _seeds(systems: Sequence[System]) -> Iterator[str]:
    """The seeds of the trained rows; rows with the same seeds are listed together."""
    by_seeds: dict[str, list[str]] = {}
    for system in systems:
        if seeds := ", ".join(str(record["seed"]) for record in system.records if record["seed"] is not None):
            by_seeds.setdefault(seeds, []).append(system.label)
    for seeds, labels in by_seeds.items():
        word = "seed" if seeds.isdigit() else "seeds"
        yield f"{word} {seeds}" + (f" ({', '.join(labels)})" if len(by_seeds) > 1 else "")


def _unscored(systems: Sequence[System]) -> Iterator[str]:
    count = sum(p.label == "unscored" for system in systems for replies in system.shown for p in replies)
    if count:
        yield f"unscored replies, not counted in any figure: {count}"


def _base_differs(records: Iterable[Record], which: str) -> Iterator[str]:
    """On how many rows base labels differ between runs. Each run asks the base model; the tables use the first run."""
    runs = [run for record in records for run in record.get("differs", {}).values()]
    most = max((n for run in runs for mode, n in run.items() if mode.startswith(f"{which} ")), default=0)
    if most:
        yield f"base labels differ between runs on up to {most} {'row' if most == 1 else 'rows'} per mode"


def _commit(record: Record) -> str:
    package = record["package"]
    return (package.get("commit", "")[:7] or "unknown") + (" with changes" if package.get("changed") else "")
