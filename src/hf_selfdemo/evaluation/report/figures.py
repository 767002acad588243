"""Every figure of the report page as data, which is the content of `figures.json`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from hf_selfdemo.core.types import COUNTS, Prediction
from hf_selfdemo.evaluation.report.comparison import Column, Comparison
from hf_selfdemo.evaluation.report.paired import GROUPS, LABELS, RATIOS, SHARES, changes, transitions
from hf_selfdemo.evaluation.report.refusals import phrasings
from hf_selfdemo.evaluation.report.resampling import RESAMPLES, f_interval
from hf_selfdemo.evaluation.report.risk import risk_curve
from hf_selfdemo.evaluation.report.signals import best_signal, signal_figures, with_mix
from hf_selfdemo.evaluation.report.table import ALWAYS_ABSTAIN, Runs
from hf_selfdemo.scoring.abstention import always_abstaining
from hf_selfdemo.scoring.outcomes import Rate, f_score, figures, unscored_bounds

_PHRASINGS = 12
"""Number of wordings listed for a mode; rarer ones are counted together."""

_CLOSED_BOOK_CHANGES = ("accuracy", "hallucination_rate", "abstention_rate", *RATIOS)
"""The metrics of changes without passages."""


def figures_json(runs: Runs, seed: int = 0) -> dict[str, Any]:
    """Every rate with its counts and 95% interval, by model and mode.

    Args:
        runs: predictions by model and mode.
        seed: seed of the bootstrap for the F-score's interval.
    """
    return {
        name: {
            mode: {key: _rate(rate) for key, rate in figures(predictions).items()}
            | {"f_score": _f_score(predictions, seed)}
            for mode, predictions in modes.items()
        }
        for name, modes in runs.items()
    }


def report_figures(comparison: Comparison, seed: int = 0) -> dict[str, Any]:
    """Everything that the page shows except the example rows.

    Args:
        comparison: the models to compare.
        seed: seed of every bootstrap.

    Returns:
        Data for JSON: `columns` (from `figures_json`) and the trivial model `always_abstain`, `rows`, `outcomes` by
        mode and group, `changes` from the first column to each other one, `refusals`, `signals`
        (`report.signals.signal_figures` by mode and column), `risk_coverage` for the best signal, `training`, `asking`
        (cost of answering by column and mode), `cost`, `provenance`.
    """
    runs, modes = comparison.runs, comparison.modes
    trivial = {"rag": always_abstaining(comparison.columns[0].predictions["rag"])} if "rag" in modes else {}
    shown = {mode: _shown(comparison, mode, trivial) for mode in modes}
    told = {mode: {name: _with_mix(comparison, name, mode) for name in runs} for mode in modes}
    signals = {mode: {name: signal_figures(found, seed) for name, found in told[mode].items()} for mode in modes}
    return {
        "title": comparison.title,
        "compared": list(runs),
        "bootstrap": {"seed": seed, "resamples": RESAMPLES},
        "rows": {mode: _rows(comparison.columns[0].predictions[mode]) for mode in modes},
        "columns": figures_json(runs, seed),
        "always_abstain": figures_json({ALWAYS_ABSTAIN: trivial}, seed)[ALWAYS_ABSTAIN],
        "outcomes": {
            mode: {group: {name: _outcomes(_of(group, p)) for name, p in shown[mode].items()} for group in GROUPS}
            for mode in modes
        },
        "changes": [
            _changes(comparison, column, mode, seed) for column in comparison.columns[1:] for mode in comparison.modes
        ],
        "refusals": {mode: _refusals({name: runs[name][mode] for name in runs}) for mode in modes},
        "signals": signals,
        "risk_coverage": {mode: _risk(told[mode], signals[mode]) for mode in modes},
        "training": {c.name: c.record["training"] for c in comparison.columns if c.record.get("training")},
        "asking": {name: modes for name, modes in comparison.asking.items() if modes},
        "cost": {c.name: _cost(c.record) for c in comparison.columns if c.record},
        "provenance": dict(comparison.provenance),
    }


def _rate(rate: Rate) -> dict[str, Any]:
    return {"hits": rate.hits, "total": rate.total, "value": rate.value, "interval": rate.interval}


def _f_score(predictions: Sequence[Prediction], seed: int) -> dict[str, Any]:
    interval = f_interval(predictions, seed)
    return {"value": None if interval is None else f_score(predictions), "interval": interval}


def _of(group: str, predictions: Sequence[Prediction]) -> list[Prediction]:
    return [p for p in predictions if int(p.answer_in_context) in GROUPS[group]]


def _rows(predictions: Sequence[Prediction]) -> dict[str, int]:
    return {group: len(_of(group, predictions)) for group in GROUPS}


def _shown(
    comparison: Comparison, mode: str, trivial: Mapping[str, Sequence[Prediction]]
) -> dict[str, Sequence[Prediction]]:
    """Predictions in one mode by column, with the trivial model last."""
    columns = {name: modes[mode] for name, modes in comparison.runs.items()}
    return columns | ({ALWAYS_ABSTAIN: trivial[mode]} if mode in trivial else {})


def _outcomes(predictions: Sequence[Prediction]) -> dict[str, Any]:
    """Shares of the three scored labels over scored rows, of *unscored* over all rows, and bounds if some are."""
    counts = Counter(p.label for p in predictions)
    scored = len(predictions) - counts["unscored"]
    found: dict[str, Any] = {}
    for label in LABELS:
        found[label] = _rate(Rate(counts[label], len(predictions) if label == "unscored" else scored))
        if counts["unscored"] and label != "unscored":
            found[label]["bounds"] = unscored_bounds(predictions, label)
    return found


def _changes(comparison: Comparison, column: Column, mode: str, seed: int) -> dict[str, Any]:
    before, after = comparison.columns[0].predictions[mode], column.predictions[mode]
    kept = _CLOSED_BOOK_CHANGES if mode == "closed_book" else (*SHARES, *RATIOS)
    return {
        "before": comparison.columns[0].name,
        "after": column.name,
        "mode": mode,
        "pairs": sum("unscored" not in (b.label, a.label) for b, a in zip(before, after, strict=True)),
        "transitions": transitions(before, after),
        "figures": [asdict(change) for change in changes(before, after, seed) if change.figure in kept],
    }


def _refusals(columns: Mapping[str, Sequence[Prediction]]) -> dict[str, Any]:
    """The most frequent wordings of abstentions over all columns, with the count of each column."""
    counted = {name: phrasings(predictions) for name, predictions in columns.items()}
    together = sum(counted.values(), Counter[str]())
    common = [phrase for phrase, _ in sorted(together.items(), key=lambda one: (-one[1], one[0]))[:_PHRASINGS]]
    return {
        "abstained": {name: counts.total() for name, counts in counted.items()},
        "wordings": {name: len(counts) for name, counts in counted.items()},
        "phrases": [{"phrase": phrase, "count": {n: c[phrase] for n, c in counted.items()}} for phrase in common],
        "others": {n: c.total() - sum(c[phrase] for phrase in common) for n, c in counted.items()},
    }


def _with_mix(comparison: Comparison, name: str, mode: str) -> Sequence[Prediction]:
    """The predictions of a column, with the mix of their signals if it may be fitted to these rows."""
    predictions = comparison.runs[name][mode]
    return with_mix(predictions) if comparison.fits_mix else predictions


def _risk(columns: Mapping[str, Sequence[Prediction]], signals: Mapping[str, Any]) -> dict[str, Any]:
    """One risk-coverage curve per column, by the column's best signal."""
    found = {}
    for name, predictions in columns.items():
        if best := best_signal(signals[name], predictions):
            found[name] = {"signal": best, **risk_curve(predictions, best)}
    return found


def _cost(record: Mapping[str, Any]) -> dict[str, Any]:
    """Calls and tokens of evaluating and demonstrating, new calls and those from the generation cache together."""
    made = {"evaluating": record, "demonstrating": record.get("training", {}).get("demonstrations", {})}
    found = {}
    for name, part in made.items():
        usage = [part[kind] for kind in ("usage", "reused") if part.get(kind)]
        if usage:
            found[name] = {key: sum(one.get(key, 0) for one in usage) for key in COUNTS}
            found[name]["reused_calls"] = part.get("reused", {}).get("calls", 0)
    return found
