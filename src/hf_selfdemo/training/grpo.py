"""Reinforcement learning with a reward for abstaining, with TRL's GRPOTrainer."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from accelerate.utils import is_peft_model
from datasets import Dataset
from transformers import TrainingArguments
from trl import GRPOTrainer
from trl.trainer.utils import RepeatSampler

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.core.types import Message
from hf_selfdemo.data.rows import evidence_of
from hf_selfdemo.generation.last_logits import contiguous_into_head
from hf_selfdemo.judging.answer_match import AnswerMatchJudge
from hf_selfdemo.methods.answering import PROMPTED
from hf_selfdemo.methods.corgi import Sessions
from hf_selfdemo.prompting.chat import encode_prompt
from hf_selfdemo.training.adapters import check_trained_further
from hf_selfdemo.training.base import DemonstrationTraining
from hf_selfdemo.training.collapse import CollapseGuard
from hf_selfdemo.training.given import ASKED, given_rows
from hf_selfdemo.training.grpo_config import SelfDemoGRPOConfig
from hf_selfdemo.training.last_columns import last_labels
from hf_selfdemo.training.parameters import check_parameters, own_config, own_tokenizer
from hf_selfdemo.training.prompt_collator import PromptCollator
from hf_selfdemo.training.rewardable import rewardable
from hf_selfdemo.training.rewards import AbstentionReward
from hf_selfdemo.training.sessions import SessionReward, SessionRollout, check_sessions

_TRL = logging.getLogger("trl.trainer.grpo_trainer")


def _told_by_its_share(record: logging.LogRecord) -> bool:
    return "All reward functions returned None" not in record.getMessage()


class _CollatedGRPOTrainer(GRPOTrainer):
    """TRL's `GRPOTrainer` with a data collator, which TRL's own does not accept."""

    def __init__(self, *args: Any, data_collator: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.data_collator = data_collator


class SelfDemoGRPOTrainer(DemonstrationTraining, _CollatedGRPOTrainer):
    """`GRPOTrainer` for structured rows: the model replies several times to each with-passages prompt and learns from
    the rewards.

    Each question is asked once; demonstrated responses are ignored. Rows for which no reward can be computed are left
    out; `left_out` has their ids by reason. With `beta` above 0 the reference is the model before training: with a new
    adapter the model without it, for an adapter that is trained further a frozen copy of the adapter.

    Args:
        model: a causal language model, one with a trainable adapter, or a path.
        args: the training configuration, also one of TRL or transformers; None for the defaults.
        train_dataset: demonstrations as `demonstrate` writes them, or a dataset or list of rows with at least id,
            question, passages and answers (`given_rows`).
        processing_class: a tokenizer with a chat template; by default it is loaded by the model's name or path.
        eval_dataset: rows to ask during training, at the times that `args.eval_strategy` sets.
        reward_funcs: as in TRL; by default an `AbstentionReward` by string match with the values in `args`, or, for
            sessions, the score of the best attempt (`SessionReward`).
        sessions: how replies are criticised and attempted again; None makes each reply a single attempt.
        kwargs: as for `SelfDemoTrainer`.

    Raises:
        UserError: if no row can be rewarded, a prompt does not fit, an option has no effect, the adapter does not work
            with this loss, or the model abstains from nearly everything during training (`CollapseGuard`).

    Relations: the loss is TRL's. `GRPOTrainer` itself takes a prompt in each row, and puts passages into the chat
    template unchanged, control tokens included.
    """

    _tag_names = ["trl", "grpo", "self-demo"]  # noqa: RUF012  # as in every trainer of TRL
    _name = "Self-Demo GRPO"

    def __init__(
        self,
        model: Any,
        args: TrainingArguments | None = None,
        train_dataset: Dataset | Sequence[Mapping[str, Any]] | None = None,
        processing_class: Any = None,
        eval_dataset: Dataset | Sequence[Mapping[str, Any]] | None = None,
        reward_funcs: Any = None,
        sessions: Sessions | None = None,
        **kwargs: Any,
    ) -> None:
        args = own_config(args, SelfDemoGRPOConfig, model, "GRPO")
        check_parameters(model, {name: value for name, value in kwargs.items() if name not in _NOT_OBEYED})
        for name, remedy in _NOT_OBEYED.items():
            if kwargs.pop(name, None) is not None:
                raise UserError(f"{name} has no effect in this trainer", remedy)
        if sessions is None and reward_funcs is None and args.reward_judge != "answer_match":
            raise UserError(
                f"reward_judge {args.reward_judge!r} needs a model, which this trainer does not load",
                "pass an AbstentionReward with that judge and a generator in reward_funcs",
            )
        processing_class = own_tokenizer(processing_class, model, args)
        check_trained_further(model, kwargs.get("peft_config"))
        if train_dataset is not None:
            train_dataset, self.left_out = rewardable(given_rows(train_dataset, ASKED))
            check_rollouts(args, len(train_dataset))
            if sessions is not None:
                check_sessions(sessions, args, processing_class, map(evidence_of, train_dataset))
        if args.beta and not (isinstance(model, str) or is_peft_model(model) or kwargs.get("peft_config")):
            raise UserError(
                "beta needs a copy of the model before training, which TRL would load by its name, perhaps with other "
                "weights",
                "set beta to 0, or train an adapter",
            )
        self._asked_ids: list[str] = []
        collator = prompt_collator_of(args, processing_class, kwargs.get("answerer"), sessions)
        callbacks = [
            *(kwargs.pop("callbacks", None) or ()),
            CollapseGuard(args.max_abstention_rate, args.collapse_steps),
        ]
        super().__init__(
            model,
            args,
            train_dataset,
            processing_class,
            eval_dataset,
            collator,
            callbacks=callbacks,
            reward_funcs=reward_funcs or _usual_reward(args, sessions),
            **kwargs,
        )
        for reward in (one for one in self.reward_funcs if isinstance(one, AbstentionReward) and not one.stop_ids):
            reward.stop_ids = frozenset(self.eos_token_ids)
        contiguous_into_head(self.model)
        self._rollout = None if sessions is None else SessionRollout(sessions)
        self.rollout_func = self._rollout  # set here, since TRL's constructor would warn about it
        if sessions is not None:
            self._settings |= sessions.settings

    def decides(self, row: Mapping[str, Any]) -> list[Any]:
        """The parts of a row that decide the trained weights: its question and its accepted answers."""
        return [row["id"], row["question"], row["answers"], row["answerable"]]

    def with_loss(self, rows: Dataset) -> None:
        """None: dev rows have no loss here, they are only asked."""

    # ---- training ----

    def _get_train_sampler(self, dataset: Any = None) -> Any:
        return _EpochOfPrompts(super()._get_train_sampler(dataset))

    def _tokenize_prompts(self, prompts: Sequence[Sequence[Message]]) -> tuple[list[list[int]], None, dict[str, Any]]:
        """Tokenize as TRL does, except that control tokens inside passages stay text."""
        rows = zip(prompts, self._asked_ids, strict=True)
        return [encode_prompt(self.processing_class, prompt, f"row {name!r}") for prompt, name in rows], None, {}

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        self._asked_ids = [str(row["id"]) for row in inputs]
        if self._rollout is not None:
            self._rollout.evidence = [row["evidence"] for row in inputs]
        found: dict[str, Any] = super()._generate_and_score_completions(inputs)
        return found

    def _get_per_token_logps_and_entropies(
        self, model: Any, input_ids: Any, attention_mask: Any, logits_to_keep: int, *args: Any, **kwargs: Any
    ) -> Any:
        """TRL's log-probabilities, restricted to the reply; without Triton, TRL's head would score prompts too."""
        scored = [self.accelerator.unwrap_model(model)]
        with last_labels(scored, logits_to_keep):
            return super()._get_per_token_logps_and_entropies(
                model, input_ids, attention_mask, logits_to_keep, *args, **kwargs
            )

    def _calculate_rewards(self, *args: Any, **kwargs: Any) -> Any:
        """TRL's rewards, without its warning that prints a whole row with its passages for each unscored reply."""
        _TRL.addFilter(_told_by_its_share)
        try:
            return super()._calculate_rewards(*args, **kwargs)
        finally:
            _TRL.removeFilter(_told_by_its_share)

    def compute_loss(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """TRL's loss, checked to be finite."""
        loss = super().compute_loss(model, inputs, *args, **kwargs)
        self.require_finite(loss.detach(), list(dict.fromkeys(self._asked_ids)))
        return loss


_NOT_OBEYED = {
    "data_collator": "set passage_order and passage_dropout in args",
    "optimizer_cls_and_kwargs": "pass an optimizer in optimizers, or set optim in args",
    "ref_model": "remove it; the reference is the model before training",
}
"""Parameters of the other trainers that have no effect in this one, each with the remedy."""


class _EpochOfPrompts(RepeatSampler):
    """Prompts in an order that depends on the epoch, so that a resumed epoch keeps its order."""

    def __init__(self, plain: RepeatSampler) -> None:
        self.__dict__.update(plain.__dict__)

    def set_epoch(self, epoch: int) -> None:
        if self.shuffle:
            self.generator.manual_seed((self.seed or 0) + epoch)


def _usual_reward(args: SelfDemoGRPOConfig, sessions: Sessions | None) -> Any:
    if sessions is not None:
        return SessionReward(sessions.attempts)
    return AbstentionReward(AnswerMatchJudge(), args.reward_abstain_value, args.reward_only_where_none_right)


def prompt_collator_of(
    args: SelfDemoGRPOConfig, tokenizer: Any, answerer: Answerer | None = None, sessions: Sessions | None = None
) -> PromptCollator:
    """The collator that the training options describe. A session starts with the usual prompt and may be longer."""
    longest = args.max_completion_length
    return PromptCollator(
        tokenizer,
        args.max_length,
        args.passage_order,
        args.passage_dropout,
        seed=args.seed,
        answerer=PROMPTED if sessions is not None else answerer or PROMPTED,
        max_new_tokens=longest if sessions is None else sessions.room(longest),
        num_generations=args.num_generations,
    )


def check_rollouts(args: Any, rows: int) -> None:
    """Reject options that cannot be combined with each other or with this number of rows.

    Args:
        args: a `SelfDemoGRPOConfig`.
        rows: number of rows that are asked.

    Raises:
        UserError: naming the option.
    """
    prompts = args.generation_batch_size // args.num_generations
    if rows < prompts:
        raise UserError(
            f"one step asks {prompts} prompts, but there are only {rows}",
            "lower per_device_train_batch_size or gradient_accumulation_steps, or raise num_generations",
        )
    local = args.per_device_train_batch_size * args.steps_per_generation
    if args.reward_only_where_none_right and local % args.num_generations:
        raise UserError(
            f"reward_only_where_none_right needs all {args.num_generations} replies to a prompt in one process, but a "
            f"process writes {local} replies per batch",
            "make per_device_train_batch_size times gradient_accumulation_steps a multiple of num_generations",
        )
    step, window = args.gradient_accumulation_steps, args.steps_per_generation * args.num_iterations
    if args.save_strategy == "steps" and window > step and args.save_steps * step % window:
        raise UserError(
            f"save_steps is {args.save_steps:g}, but each batch of replies is used for {window / step:g} steps, and a "
            "checkpoint does not keep replies",
            f"set save_steps to a multiple of {window / step:g}",
        )
    if args.collapse_steps and args.logging_strategy == "no":
        raise UserError(
            "collapse_steps needs log lines, but logging_strategy is 'no'",
            "set logging_strategy to steps, or collapse_steps to 0",
        )
