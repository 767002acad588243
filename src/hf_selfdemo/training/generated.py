"""Dev questions asked of the model in training: what it says to them, not only how likely their targets are."""

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
"""Every figure in the order of the log, and whether more of it is better; None where that depends on the questions."""


class GeneratedEvaluation:
    """Answers to dev questions in the middle of training, judged by string match.

    Args:
        tokenizer: with a chat template.
        modes: "rag" shows the passages, "closed_book" does not; figures of the latter begin with `closed_book_`.
        max_new_tokens: longest reply.
        batch_size: rows decoded at once, on each rank.
        answerer: how they are asked; default is greedily, under the prompt of training.

    `predictions` holds the replies of the last evaluation by mode, for reading.

    Raises:
        UserError: for an unknown mode, or none; for a number below 1.

    Relations: `hf-selfdemo evaluate` compares finished models by the same figures, with intervals. transformers has
    `predict_with_generate` for encoder-decoder models alone; TRL's `LogCompletionsCallback` shows texts, unjudged.
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
        """Ask `model`, and leave it and all random streams as they were.

        Args:
            model: as the trainer wraps it; an adapter may be attached, weights may be spread over ranks.
            rows: in the columns of `rows.FEATURES`; a response is not needed, and not looked at.
            accelerator: the trainer's: each rank asks its share, and all return the same. None: this process asks all.

        Returns:
            The figures of `GREATER_IS_BETTER` that have something to count, from `scoring.outcomes`, and their cost:
            `generated_tokens` by all ranks, `generation_runtime` in seconds. Where the dev rows define a figure and
            the model said nothing that could be scored, it has its worst value instead of vanishing.
        """
        start, evidence = time.monotonic(), dev_evidence(rows)
        with paused(model, accelerator) as asked:
            several = self.answerer.most_calls > 1  # else there are no prefixes to share
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
        """Whether more of `name` is better, once it is sure that every evaluation of `rows` will have it.

        Args:
            name: as in `metric_for_best_model`, with or without "eval_".
            rows: the dev set.
            also: figures that the trainer adds itself, and whether more of them is better.

        Raises:
            UserError: if the figure is unknown, has no better direction, or can be missing: because no dev row counts
                for it, or because it depends on what the model does. "loss" needs rows with a response.

        Example:
            >>> row = {"id": "1", "question": "?", "answers": ["x"], "passages": [], "answer_in_context": False,
            ...        "gold_removed": False, "answerable": True}
            >>> GeneratedEvaluation(None).check_metric("eval_hallucination_rate", [row])
            False
        """
        rows, plain = list(rows or ()), name.removeprefix("eval_")
        if not rows:
            raise UserError(f"metric_for_best_model is {name!r} and there are no dev rows", "give some")
        known: dict[str, bool | None] = GREATER_IS_BETTER | {"loss": False} | dict(also or {})
        dependable = [*_worst(dev_evidence(rows), self.modes), *(also or {})]
        if any((row.get("response") or "").strip() for row in rows):
            dependable.append("loss")
        if plain not in dependable:
            raise UserError(f"metric_for_best_model {name!r} {_problem(plain, known)}", did_you_mean(plain, dependable))
        return bool(known[plain])


def dev_evidence(rows: Iterable[Mapping[str, Any]]) -> list[Evidence]:
    """What there is to ask: replay rows (mode "closed_book") repeat the question of another row and are left out.

    Raises:
        UserError: if nothing is left.
    """
    evidence = [evidence_of(row) for row in rows if row.get("mode", "rag") != "closed_book"]
    if not evidence:
        raise UserError("no dev row can be asked with passages", "give rows whose mode is 'rag'")
    return evidence


def _modes(wanted: Sequence[str]) -> list[Mode]:
    known: tuple[Mode, ...] = get_args(Mode)
    for mode in wanted:
        if mode not in known:
            raise UserError(f"dev_modes: {mode!r} is unknown", did_you_mean(mode, list(known)))
    if not wanted:
        raise UserError("dev_modes is empty", "name rag, closed_book or both")
    return [mode for mode in known if mode in wanted]


def _summary(predictions: Sequence[Prediction], mode: Mode) -> dict[str, float]:
    """Figures of one mode that have a denominator, under their names in the log."""
    if not predictions:
        return {}
    values = {name: rate.value for name, rate in figures(predictions).items()}
    if values["accuracy"] is not None:
        values["f_score"] = f_score(predictions)
    prefix = "" if mode == "rag" else "closed_book_"
    named = {prefix + name: value for name, value in values.items()}
    return {name: value for name, value in named.items() if name in GREATER_IS_BETTER and value is not None}


def _worst(evidence: Sequence[Evidence], modes: Sequence[Mode]) -> dict[str, float]:
    """The worst value of each figure that there is whether a model answers everything wrongly or always abstains."""
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
        return "is neither better high nor low"
    return "can be missing with these dev rows and dev_modes"
