"""The options that must be read before all others, and the options whose values follow from others."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hf_selfdemo.core.errors import UserError

_BEST = {"rag": "f_score", "closed_book": "closed_book_f_score"}
"""The default of `metric_for_best_model`: that of the first of these modes in `dev_modes`."""


@dataclass
class First:
    """The options that are read first. None, an empty list or 0 if they are not given."""

    method: str = "self_demo"
    objective: str | None = None
    dev_questions: list[str] = field(default_factory=list)
    held_out_share: float = 0.0
    dev_modes: list[str] = field(default_factory=lambda: ["rag"])
    eval_strategy: str | None = None
    eval_steps: float | None = None
    save_strategy: str | None = None
    save_steps: float | None = None
    load_best_model_at_end: bool = False
    metric_for_best_model: str | None = None
    early_stopping_patience: int = 0

    @property
    def has_dev(self) -> bool:
        """Whether there are dev questions."""
        return bool(self.dev_questions) or self.held_out_share > 0


def implied_keys(given: First) -> dict[str, Any]:
    """The options of evaluation during training that were not given and follow from those that were.

    Raises:
        UserError: if options contradict each other.

    Example:
        >>> implied_keys(First(dev_questions=["embedded"]))
        {'eval_strategy': 'epoch', 'metric_for_best_model': 'f_score'}
    """
    strategy = given.eval_strategy or ("epoch" if given.has_dev else "no")
    best = given.load_best_model_at_end or given.early_stopping_patience > 0  # early stopping needs the best checkpoint
    if strategy == "no" or not given.has_dev:
        _refuse_blind(given, strategy, best)
        return {}
    figure = next((_BEST[mode] for mode in _BEST if mode in given.dev_modes), None)
    follow: dict[str, Any] = {"eval_strategy": strategy, "metric_for_best_model": figure}
    if best:
        follow |= {"load_best_model_at_end": True} | _saving(given, strategy)
    return {key: value for key, value in follow.items() if not getattr(given, key)}


def _refuse_blind(given: First, strategy: str, best: bool) -> None:
    """Reject options that choose a checkpoint if nothing is evaluated or there are no dev questions."""
    wanting = {
        "eval_strategy": strategy != "no",
        "early_stopping_patience": given.early_stopping_patience,
        "load_best_model_at_end": best,
        "metric_for_best_model": given.metric_for_best_model,
    }
    for key in (key for key, wanted in wanting.items() if wanted):
        value = getattr(given, key)
        if given.has_dev:
            raise UserError(f"{key} is {value!r}, but eval_strategy is 'no'", "leave one of them out")
        raise UserError(f"{key} is {value!r}, but there are no dev_questions", "set dev_questions, or leave it out")


def _saving(given: First, strategy: str) -> dict[str, Any]:
    """When to save, so that every checkpoint that turns out to be the best has been saved."""
    if given.save_strategy not in (None, "best", strategy):
        raise UserError(
            f"load_best_model_at_end is set, eval_strategy is {strategy!r} and save_strategy {given.save_strategy!r}",
            f"leave save_strategy out, or set it to {strategy!r}",
        )
    if strategy != "steps" or given.save_strategy == "best":
        return {"save_strategy": strategy}
    if given.eval_steps is None:
        raise UserError(
            "eval_strategy is 'steps' and eval_steps is not set", "set it to the number of steps between evaluations"
        )
    return {"save_strategy": strategy, "save_steps": given.eval_steps}
