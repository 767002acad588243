"""Metrics that score texts: plain functions, and the same as modules of `evaluate`.

`metrics.qa_accuracy.score(...)` and `metrics.abstention.score(...)` need neither `evaluate` nor any heavy library;
`load` gives the module of that name, which returns the same figures.
"""

from __future__ import annotations

from typing import Any

from hf_selfdemo.core import loading
from hf_selfdemo.core.errors import UserError

METRICS = {
    "qa_accuracy": "hf_selfdemo.metrics.qa_accuracy.qa_accuracy:QaAccuracy",
    "abstention": "hf_selfdemo.metrics.abstention.abstention:Abstention",
}
"""Each is a folder that can be pushed as it is, and loaded by its path."""


def load(name: str, **options: Any) -> Any:
    """The `evaluate.Metric` of that name, from the installed package: no network is asked.

    Args:
        name: a key of `METRICS`.
        options: of `evaluate.Metric`, e.g. `keep_in_memory=True`, `experiment_id` or `num_process`.

    Raises:
        UserError: if the name is unknown, or `evaluate` is not installed.

    Relations: `evaluate.load(path)` does the same by the folder's path, and by its name once it is pushed.

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
