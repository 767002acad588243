"""The common base of the `evaluate` modules: columns, early checks of the input, known options."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.metrics import abstention, qa_accuracy
from hf_selfdemo.metrics.rows import read_rows


class Scored:
    """A mixin for an `evaluate.Metric` whose `compute` calls `score`.

    It is not a `Metric` itself, since `evaluate` uses the first `Metric` that it finds in a script. `about` and
    `sources` are the metric's description and citation. `predictions` and `references` are given to `add`, `add_batch`
    or `compute`. All other parameters of `score` are options of `compute`. Options of the package's other metrics are
    ignored, since `evaluate.combine` passes every option to all metrics.
    """

    score: ClassVar[Callable[..., dict[str, Any]]]
    about: ClassVar[str]
    sources: ClassVar[str]

    def _info(self) -> Any:
        import datasets
        import evaluate

        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=self.about,
            citation=self.sources,
            inputs_description=type(self).score.__doc__ or "",
            features=datasets.Features({"predictions": text, "references": datasets.List(text)}),
        )

    def add_batch(self, *, predictions: Any = None, references: Any = None, **columns: Any) -> None:
        """Add a batch of predictions and references."""
        rows = read_rows(predictions, references)
        lists = [list(row.answers) for row in rows]
        super().add_batch(predictions=[row.text for row in rows], references=lists, **columns)  # type: ignore[misc]

    def add(self, *, prediction: Any = None, reference: Any = None, **columns: Any) -> None:
        """Add one prediction and its reference."""
        row = {"predictions": prediction, "references": reference} | columns  # evaluate.combine uses the plural names
        self.add_batch(**{name: [value] for name, value in row.items()})

    def _compute(self, *, predictions: Any, references: Any, **options: Any) -> dict[str, Any]:
        score = type(self).score
        return score(predictions, references, **_own(options, score))


def _own(options: Mapping[str, Any], score: Callable[..., Any]) -> dict[str, Any]:
    known = {name for metric in (qa_accuracy, abstention) for name in _options(metric.score)}
    for name in options:
        if name not in known:
            raise UserError(f"option {name!r} is unknown", did_you_mean(name, sorted(known)))
    return {name: value for name, value in options.items() if name in _options(score)}


def _options(score: Callable[..., Any]) -> list[str]:
    return [p.name for p in inspect.signature(score).parameters.values() if p.kind is p.KEYWORD_ONLY]
