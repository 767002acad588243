"""The report of a preflight, for the manifest and for the console."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from hf_selfdemo.core.control_characters import shown
from hf_selfdemo.training.preflight.spans import Trained

TAIL_TOKENS = 60
_BAR = 24
"""Width of the longest bar, in characters."""


@dataclass(frozen=True)
class Sample:
    """One decoded row: the end of its prompt, and the text that has a loss, stop token included."""

    id: str
    prompt_tail: str
    trained: str
    rejected: str = ""

    @classmethod
    def of(cls, row_id: str, tokenizer: Any, row: Trained, rejected: Trained | None = None) -> Sample:
        """Decode a row from the ids and labels of a batch."""
        start = row.places[0]
        return cls(
            row_id,
            tokenizer.decode(row.ids[max(0, start - TAIL_TOKENS) : start]),
            tokenizer.decode(row.supervised),
            tokenizer.decode(rejected.supervised) if rejected else "",
        )


@dataclass
class PreflightReport:
    """What will be trained on. A length is that of prompt and response in tokens; for a pair, with the longer text.

    Args:
        rows: number of rows that will be trained on.
        tokens: number of tokens in one epoch, with both texts of a pair.
        longest: length of the longest row.
        histogram: number of rows by length before passages are removed; keys are the largest length of each group.
        budget: `max_length`; longer rows lose passages.
        cut: number of rows that lose passages.
        lost: number of these rows that lose the passage with their answer.
        counts: number of rows by kind (`answer`, `abstain`, `closed_book`), and `without_pair` for preference training;
            for prompts, by whether their passages contain an answer (`answer_in_context`, `without_answer`).
        sample: one decoded row.
        warnings: problems that do not prevent training, worst first.
        lengths: length of every row in the dataset's order, for batches of similar length; 0 for a row without a pair.
        samples: one decoded row of each kind that is not a reply to its question.
    """

    rows: int = 0
    tokens: int = 0
    longest: int = 0
    histogram: dict[int, int] = field(default_factory=dict)
    budget: int | None = None
    cut: int = 0
    lost: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    sample: Sample | None = None
    warnings: list[str] = field(default_factory=list)
    lengths: list[int] = field(default_factory=list)
    samples: dict[str, Sample] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The figures for a manifest, without the lists that grow with the rows."""
        return {
            "rows": self.rows,
            "tokens": self.tokens,
            "longest": self.longest,
            "rows_with_passages_cut": self.cut,
            "rows_with_answer_cut": self.lost,
            "histogram": self.histogram,
            "sample": asdict(self.sample) if self.sample else None,
            **({"samples": {kind: asdict(one) for kind, one in self.samples.items()}} if self.samples else {}),
            "warnings": self.warnings,
            **self.counts,
        }

    def __rich__(self) -> RenderableType:
        """The view for `console.print`: figures, lengths, the sample and the warnings."""
        parts: list[RenderableType] = [self._figures(), self._lengths()]
        if self.sample:
            parts.append(_panel(self.sample))
        parts += [_panel(one, kind) for kind, one in self.samples.items() if one != self.sample]
        parts += [Text(f"warning: {shown(warning)}", "yellow") for warning in self.warnings]
        return Group(*parts)

    def _figures(self) -> Table:
        table = Table.grid(padding=(0, 2))
        kinds = ", ".join(f"{name.replace('_', ' ')} {count:,}" for name, count in self.counts.items())
        table.add_row("rows", f"{self.rows:,}" + (f" ({kinds})" if kinds else ""))
        table.add_row("tokens", f"{self.tokens:,} an epoch, longest row {self.longest:,}")
        if self.cut:
            table.add_row(
                "too long", f"{self.cut:,} rows lose passages, {self.lost:,} of them the one with their answer"
            )
        return table

    def _lengths(self) -> Table:
        table = Table("tokens, up to", "rows", "", box=None, header_style="dim")
        table.columns[0].justify = table.columns[1].justify = "right"
        most = max(self.histogram.values(), default=1)
        for edge, count in self.histogram.items():
            over = "  over max_length" if self.budget is not None and edge > self.budget else ""
            table.add_row(f"{edge:,}", f"{count:,}", "█" * round(_BAR * count / most) + over)
        return table


def histogram(lengths: Sequence[int], budget: int | None) -> dict[int, int]:
    """The number of rows by length, in groups that end at powers of two and at `budget`.

    Example:
        >>> histogram([40, 100, 120, 300], budget=256)
        {64: 1, 128: 2, 256: 0, 512: 1}
    """
    if not lengths:
        return {}
    edges = {64}
    while max(edges) < max(lengths):
        edges.add(2 * max(edges))
    if budget is not None and budget < max(edges):
        edges.add(budget)
    groups = dict.fromkeys(sorted(edge for edge in edges if edge >= min(lengths)), 0)
    for length in lengths:
        groups[next(edge for edge in groups if edge >= length)] += 1
    return groups


def _panel(sample: Sample, kind: str = "") -> Panel:
    """A panel with a sample. Its text is untrusted: it is never read as markup or as terminal control codes."""
    text = Text("... ", "dim") + Text(shown(sample.prompt_tail), "dim") + Text(shown(sample.trained), "bold green")
    if sample.rejected:
        text += Text("\nrejected: ", "dim") + Text(shown(sample.rejected), "red")
    title = Text(f"row {shown(sample.id)}{f', {kind}' if kind else ''}: the trained text is green")
    return Panel(text, title=title, title_align="left")
