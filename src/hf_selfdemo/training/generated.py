"""Evaluation during training by the model's replies to dev questions, not only by the loss on their targets."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, get_args

from accelerate import Accelerator

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.loading import did_you_mean
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.ranges import ONE_OR_MORE
from hf_selfdemo.core.types import Evidence, Label, Mode, Prediction
from hf_selfdemo.data.rows import evidence_of
from hf_selfdemo.evaluation.predict import predict, rows_asked
from hf_selfdemo.generation.accounted import AccountedGenerator
from hf_selfdemo.generation.transformers import TransformersGenerator
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PromptAnswerer
from hf_selfdemo.scoring.outcomes import f_score, figures
from hf_selfdemo.training.paused import paused

GREATER_IS_BETTER: dict[str, bool | None] = {
    "accuracy": True,
    "f_score": True,
    "accuracy_given_attempted": True,
    "accuracy_answerable": True,
    "accuracy_in_context": True,
    "hallucination_rate": False,
    "abstention_rate": None,
    "abstention_precision": True,
    "abstention_recall": True,
    "false_refusals": False,
    "unscored": False,
    "closed_book_accuracy": True,
    "closed_book_f_score": True,
    "closed_book_accuracy_answerable": True,
    "closed_book_hallucination_rate": False,
    "closed_book_abstention_rate": None,
    "closed_book_unscored": False,
}
"""Every metric in the order of the log, and whether higher is better; None where that depends on the questions."""


class GeneratedEvaluation:
    """Asks the model the dev questions during training, and judges its replies by string match.

    Args:
        tokenizer: a tokenizer with a chat template.
        modes: "rag" shows the passages, "closed_book" does not; metrics of the latter begin with `closed_book_`.
        max_new_tokens: longest reply, in tokens.
        batch_size: rows decoded at once, on each rank.
        answerer: how questions are asked; by default one greedy call with the prompt of training.

    `predictions` has the replies of the last evaluation by mode.

    Raises:
        UserError: if `modes` is empty or has an unknown mode, or if a number is below 1.

    Relations: `hf-selfdemo evaluate` compares finished models by the same metrics, with intervals. transformers has
    `predict_with_generate` for encoder-decoder models only; TRL's `LogCompletionsCallback` logs texts without judging
    them.
    """

    def __init__(
        self,
        tokenizer: Any,
        modes: Sequence[str] = ("rag", "closed_book"),
        max_new_tokens: int = 32,
        batch_size: int = 16,
        answerer: Answerer | None = None,
    ) -> None:
        ONE_OR_MORE.check(max_new_tokens=max_new_tokens, batch_size=batch_size)
        self.tokenizer = tokenizer
        self.modes = _modes(modes)
        self.answerer = answerer or PromptAnswerer(max_new_tokens)
        self.batch_size = batch_size
        self.predictions: dict[Mode, list[Prediction]] = {}

    def __call__(
        self, model: Any, rows: Iterable[Mapping[str, Any]], accelerator: Accelerator | None = None
    ) -> dict[str, float]:
        """Ask `model` all rows, and leave the model and all random streams unchanged.

        Args:
            model: the model as the trainer wraps it, with or without an adapter; its weights may be sharded over ranks.
            rows: rows in the columns of `rows.FEATURES`; a response is not needed and is ignored.
            accelerator: the trainer's. Each rank asks its share, and all return the same. None: this process asks all.

        Returns:
            The metrics of `GREATER_IS_BETTER` that have a denominator, from `scoring.outcomes`, and their cost:
            `generated_tokens` over all ranks and `generation_runtime` in seconds. A metric that the dev rows define
            has its worst value if no reply could be scored, so that it is never missing.
        """
        start, evidence = time.monotonic(), dev_evidence(rows)
        with paused(model, accelerator) as asked:
            several = self.answerer.most_calls > 1  # with one call per row there is no prefix to share
            engine = TransformersGenerator(asked, self.tokenizer, self.batch_size, share_prefixes=several)
            ask = partial(predict, generator=(counted := AccountedGenerator(engine)), judge=AnswerMatchJudge())
            for mode in self.modes:
                reply = partial(ask, mode=mode, answerer=self.answerer)
                rows_of_mode = rows_asked(evidence, mode)
                said = asked.share(reply, rows_of_mode)
                account_for((row.id for row in rows_of_mode), (one.id for one in said), f"asking dev rows, {mode}")
                self.predictions[mode] = said
            tokens = sum(asked.gather(counted.usage.generated_tokens))
            seconds = max(asked.gather(time.monotonic() - start))
        found = _worst(evidence, self.modes)
        for mode in self.modes:
            found |= _summary(self.predictions[mode], mode)
        in_order = {name: found[name] for name in GREATER_IS_BETTER if name in found}
        return in_order | {"generated_tokens": float(tokens), "generation_runtime": round(seconds, 4)}

    def check_metric(
        self, name: str, rows: Iterable[Mapping[str, Any]] | None, also: Mapping[str, bool] | None = None
    ) -> bool:
        """Check that every evaluation of `rows` will have the metric `name`; return whether higher is better.

        Args:
            name: value of `metric_for_best_model`, with or without "eval_".
            rows: the dev set.
            also: metrics that the trainer adds itself, and whether higher is better.

        Raises:
            UserError: if the metric is unknown, if neither high nor low is better, or if it can be missing, because no
                dev row counts for it or because it depends on the replies. "loss" needs rows with a response.

        Example:
            >>> row = {"id": "1", "question": "?", "answers": ["x"], "passages": [], "answer_in_context": False,
            ...        "gold_removed": False, "answerable": True}
            >>> GeneratedEvaluation(None).check_metric("eval_hallucination_rate", [row])
            False
        """
        rows, plain = list(rows or ()), name.removeprefix("eval_")
        if not rows:
            raise UserError(f"metric_for_best_model is {name!r}, but there are no dev rows", "give dev rows")
        known: dict[str, bool | None] = GREATER_IS_BETTER | {"loss": False} | dict(also or {})
        dependable = [*_worst(dev_evidence(rows), self.modes), *(also or {})]
        if any((row.get("response") or "").strip() for row in rows):
            dependable.append("loss")
        if plain not in dependable:
            raise UserError(f"metric_for_best_model {name!r} {_problem(plain, known)}", did_you_mean(plain, dependable))
        return bool(known[plain])


def dev_evidence(rows: Iterable[Mapping[str, Any]]) -> list[Evidence]:
    """The rows to ask. Closed-book rows are left out, because each repeats the question of another row.

    Raises:
        UserError: if no row is left.
    """
    evidence = [evidence_of(row) for row in rows if row.get("mode", "rag") != "closed_book"]
    if not evidence:
        raise UserError("no dev row has the mode 'rag'", "give dev rows with passages and mode 'rag'")
    return evidence


def _modes(wanted: Sequence[str]) -> list[Mode]:
    known: tuple[Mode, ...] = get_args(Mode)
    for mode in wanted:
        if mode not in known:
            raise UserError(f"dev_modes: {mode!r} is unknown", did_you_mean(mode, list(known)))
    if not wanted:
        raise UserError("dev_modes is empty", "set it to rag, closed_book or both")
    return [mode for mode in known if mode in wanted]


def _summary(predictions: Sequence[Prediction], mode: Mode) -> dict[str, float]:
    """The metrics of one mode that have a denominator, under their names in the log."""
    if not predictions:
        return {}
    values = {name: rate.value for name, rate in figures(predictions).items()}
    if values["accuracy"] is not None:
        values["f_score"] = f_score(predictions)
    prefix = "" if mode == "rag" else "closed_book_"
    named = {prefix + name: value for name, value in values.items()}
    return {name: value for name, value in named.items() if name in GREATER_IS_BETTER and value is not None}


def _worst(evidence: Sequence[Evidence], modes: Sequence[Mode]) -> dict[str, float]:
    """The worst value of each metric that is defined both if all replies are incorrect and if all abstain."""
    labels: tuple[Label, ...] = ("incorrect", "abstain")
    worst: dict[str, float] = {}
    for mode in modes:
        rows = rows_asked(evidence, mode)
        wrong, silent = (_summary([_as_if(row, mode, label) for row in rows], mode) for label in labels)
        better = {name: GREATER_IS_BETTER[name] for name in wrong if name in silent}
        worst |= {name: float(not greater) for name, greater in better.items() if greater is not None}
    return worst


def _as_if(row: Evidence, mode: Mode, label: Label) -> Prediction:
    answerable = row.question.answerable and not row.gold_removed  # as `predict` has it
    return Prediction(row.id, mode, "", label, answerable, row.answer_in_context)


def _problem(name: str, known: Mapping[str, bool | None]) -> str:
    if name not in known:
        return "is unknown"
    if known[name] is None:
        return "cannot rank checkpoints, since neither high nor low values are better"
    return "can be missing with these dev rows and dev_modes"
