"""Symptoms of a bad result, each with its figures and the section of docs/troubleshooting.md with the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import metadata
from typing import Any

from hf_selfdemo.evaluation.report.words import SUMMARY

_ALWAYS, _NEVER, _LONGER = 0.9, 0.05, 1.5
"""Abstention rate from which a model "always" abstains, recall up to which it "never" does, and the factor from which
replies count as longer."""


def symptoms(figures: Mapping[str, Any]) -> list[str]:
    """The symptoms of each trained model, as lines for the console.

    Args:
        figures: result of `report_figures`.

    Returns:
        One line for each symptom.
    """
    trained = [name for name in figures["compared"][1:] if name in figures["training"]]
    return [symptom_line(said, heading) for name in trained for heading, said in _found(figures, name)]


def symptom_line(said: str, heading: str) -> str:
    """A symptom with a pointer to its remedy.

    Example:
        >>> symptom_line("tuned abstains from 46 of 48 questions", "The model abstains too often")
        'tuned abstains from 46 of 48 questions: see "The model abstains too often" in docs/troubleshooting.md'
    """
    return f'{said}: see "{heading}" in {_documentation()}/troubleshooting.md'


def _documentation() -> str:
    """The address of the documentation of this version, or its folder in the repository if there is no address."""
    urls = dict(url.split(", ", 1) for url in metadata("hf-selfdemo").get_all("Project-URL") or ())
    return urls.get("Documentation", "docs").rstrip("/")


def _found(figures: Mapping[str, Any], name: str) -> Iterator[tuple[str, str]]:
    """For each symptom of a model, its heading in docs/troubleshooting.md and its description."""
    first = figures["compared"][0]
    with_passages = figures["columns"][name].get("rag", {})
    changed = {
        (pair["mode"], change["figure"]): change
        for pair in figures["changes"]
        if pair["after"] == name
        for change in pair["figures"]
    }
    if with_passages:
        abstained, recall = with_passages["abstention_rate"], with_passages["abstention_recall"]
        over = changed["rag", "false_refusals"]
        if abstained["total"] and abstained["value"] >= _ALWAYS:
            yield (
                "The model abstains too often",
                f"{name} abstains from {abstained['hits']} of {abstained['total']} questions",
            )
        elif over["interval"] and over["interval"][0] > 0:
            rates = f"from {over['before']:.2f} to {over['after']:.2f}"
            yield "The model abstains too often", f"false refusals rise {rates} with {name}"
        if recall["total"] and recall["value"] <= _NEVER:
            of = f"{recall['hits']} of {recall['total']} questions whose passages do not contain the answer"
            yield "The model never abstains", f"{name} abstains from {of}"
    before, after = (figures["asking"].get(column, {}).get("rag", {}) for column in (first, name))
    if before.get("generated_tokens") and before.get("calls") == after.get("calls"):
        lengths = [spent["generated_tokens"] / spent["questions"] for spent in (before, after)]
        if lengths[1] > _LONGER * lengths[0]:
            said = f"{name} writes {lengths[1]:.1f} tokens per reply, but {first} only {lengths[0]:.1f}"
            yield "Replies got longer", said
    closed = changed.get(("closed_book", "accuracy"), {}).get("interval")
    if closed and closed[1] < 0:
        fall = changed["closed_book", "accuracy"]
        rates = f"from {fall['before']:.2f} to {fall['after']:.2f}"
        yield "Closed-book accuracy fell", f"closed-book accuracy falls {rates} with {name}"
    unclear = [
        f"{label} {change['change']:+.2f} (about {change['rows_to_tell']:,} rows of this kind are needed)"
        for mode, shown in SUMMARY.items()
        for figure, label in shown.items()
        if (change := changed.get((mode, figure))) and change["rows_to_tell"]
    ]
    if unclear:
        yield "No clear change", f"too few questions to be sure of the changes of {name}: {', '.join(unclear)}"
