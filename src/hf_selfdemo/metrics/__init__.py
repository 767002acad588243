"""Metrics that score texts, as plain functions and as modules of `evaluate`.

`metrics.qa_accuracy.score(...)` and `metrics.abstention.score(...)` need neither `evaluate` nor any heavy library.
`load` returns the `evaluate` module of a metric, which computes the same figures.
"""

from __future__ import annotations

from typing import Any

from hf_selfdemo.core import loading
from hf_selfdemo.core.errors import UserError

METRICS = {
    "qa_accuracy": "hf_selfdemo.metrics.qa_accuracy.qa_accuracy:QaAccuracy",
    "abstention": "hf_selfdemo.metrics.abstention.abstention:Abstention",
}
"""The metrics by name. Each is a folder that can be pushed to the Hub and loaded by its path."""


def load(name: str, **options: Any) -> Any:
    """The `evaluate.Metric` of this name, from the installed package, without network access.

    `evaluate.load` also loads the metric, by the folder's path or by its name on the Hub.

    Args:
        name: a name in `METRICS`.
        options: options of `evaluate.Metric`, e.g. `keep_in_memory=True`, `experiment_id` or `num_process`.

    Raises:
        UserError: if the name is unknown, or `evaluate` is not installed.

    Example:
        >>> metric = load("qa_accuracy", keep_in_memory=True)
        >>> metric.compute(predictions=["It is Bern."], references=[["Bern", "Berne"]])["match"]
        1.0
    """
    try:
        return loading.load("metric", name, METRICS)(**options)
    except ModuleNotFoundError as error:
        if error.name != "evaluate":
            raise
        raise UserError("metrics.load needs evaluate", "pip install 'hf-selfdemo[metrics]'") from None
