"""What every trainer on demonstrations adds to its TRL trainer."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy
import torch
from accelerate.utils import is_peft_model
from datasets import Dataset
from peft.helpers import disable_input_dtype_casting
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback
from transformers.trainer_pt_utils import LengthGroupedSampler
from transformers.trainer_utils import EvalLoopOutput

from hf_selfdemo.core.accounting import account_for
from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.keys import defaults
from hf_selfdemo.core.manifest import fingerprint, write_text
from hf_selfdemo.core.protocols import Answerer
from hf_selfdemo.data.rows import rejected_of
from hf_selfdemo.methods.answering import PROMPTED, PromptAnswerer
from hf_selfdemo.methods.verdict_first import VerdictAnswerer
from hf_selfdemo.prompting.added_tokens import token_ids
from hf_selfdemo.prompting.prompts import TRAINED_ON, templates_hash
from hf_selfdemo.training.adapters import (
    REFERENCE,
    adds_tokens,
    check_adapters,
    check_added_trained,
    saving,
    with_casting_switch,
)
from hf_selfdemo.training.card import Card
from hf_selfdemo.training.checkpoints import check_settings, find_best, forget_machine, last_checkpoint, mark_complete
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.counted import count_on, counted, mean_loss
from hf_selfdemo.training.decisive import decisive_keys
from hf_selfdemo.training.generated import GeneratedEvaluation
from hf_selfdemo.training.given import ASKED, given_rows
from hf_selfdemo.training.lengths import LENGTH, EpochOfLengths, steps_for
from hf_selfdemo.training.meter import OnPolicyMeter, meter_table
from hf_selfdemo.training.pair_rows import no_pair, row_of_pair
from hf_selfdemo.training.parameters import (
    REFUSED,
    check_arguments,
    check_collator,
    check_parameters,
    own_tokenizer,
)
from hf_selfdemo.training.paused import random_state_kept
from hf_selfdemo.training.preflight import preflight
from hf_selfdemo.training.quantised import check_arrangement, keep_arrangement, keep_precision, trainable_weights
from hf_selfdemo.training.views import Views

logger = logging.getLogger(__name__)


class DemonstrationTraining(Trainer):
    """A mixin that goes before a trainer of TRL; `preference` says whether that trainer takes pairs.

    Before the first step, a preflight checks every row (`preflight_report`). During training, views change with the
    epoch, the model answers the dev questions, and the on-policy meter measures likelihoods (`on_policy`). Training
    stops on a NaN or infinite loss and names the rows. A checkpoint made with other settings is rejected.
    """

    preference = False
    _name: str
    _tag_names: list[str]
    args: Any
    model: Any
    train_dataset: Any
    eval_dataset: Any
    data_collator: Any
    _total_train_tokens: Any

    def __init__(
        self,
        model: Any,
        args: Any,
        train_dataset: Dataset | Sequence[Mapping[str, Any]] | None = None,
        processing_class: Any = None,
        eval_dataset: Dataset | Sequence[Mapping[str, Any]] | None = None,
        data_collator: SelfDemoDataCollator | None = None,
        writer: Mapping[str, Any] | None = None,
        test_rows: Iterable[Mapping[str, Any]] = (),
        answerer: Answerer | None = None,
        tokens: Sequence[str] = (),
        callbacks: Sequence[TrainerCallback] | None = None,
        **kwargs: Any,
    ) -> None:
        check_parameters(model, kwargs)
        check_collator(data_collator, self.preference)
        if train_dataset is None:
            raise UserError("train_dataset is missing", "give demonstrations, or rows")
        processing_class = own_tokenizer(processing_class, model, args)
        added_ids = token_ids(processing_class, tokens, "the trainer")
        rows: Dataset = given_rows(train_dataset)
        eval_dataset = None if eval_dataset is None else given_rows(eval_dataset, ASKED)
        if len(rows) == 0:
            raise UserError("the dataset has no demonstrations", "see `skipped` in the manifest for the reasons")
        dev_losses = None if eval_dataset is None else self.with_loss(eval_dataset)
        check_arguments(args, model, len(rows), len(dev_losses or ()))
        collator = data_collator or collator_of(args, processing_class, self.preference, answerer, tokens)
        self.generated = GeneratedEvaluation(
            processing_class, args.dev_modes, args.max_dev_tokens, args.per_device_eval_batch_size, answerer
        )
        choose_best(args, self.generated, eval_dataset, self.preference)
        network = None if isinstance(model, str) else model
        if network is not None:
            keep_arrangement(network)
        given = {} if network is None else trainable_weights(network)
        self.preflight_report = preflight(
            rows,
            collator,
            eval_dataset=eval_dataset,
            test_rows=test_rows,
            choosing=bool(args.metric_for_best_model and args.load_best_model_at_end),
            model=network,
            writer=writer,
        )
        if args.process_index == 0:
            for warning in self.preflight_report.warnings:
                logger.warning("preflight: %s", warning)
        if args.train_tokens:
            args.max_steps = steps_for(args, self.preflight_report)
        self.meter = OnPolicyMeter(rows, processing_class, args.meter_rows, args.seed, collator=collator.plain())
        self.on_policy: dict[str, dict[str, float]] = {}
        self._counted: dict[str, Any] = {}
        self._settings = decisive_settings(args, [self.decides(row) for row in rows], collator)
        if args.train_sampling_strategy == "group_by_length":
            rows = rows.add_column(LENGTH, self.preflight_report.lengths)
            args.length_column_name = LENGTH
        args.remove_unused_columns = False  # the collator needs the structured columns, not input_ids
        added: list[TrainerCallback] = [_Along(self, collator)]
        if args.early_stopping_patience:
            added.append(EarlyStoppingCallback(args.early_stopping_patience))
        free, args.padding_free = (
            getattr(args, "padding_free", False),
            False,
        )  # TRL rejects it together with a collator that is not its own
        with _keys_refused_plainly():
            super().__init__(
                model=model,
                args=args,
                train_dataset=rows,
                eval_dataset=eval_dataset,
                processing_class=processing_class,
                data_collator=collator,
                callbacks=[*(callbacks or ()), *added],
                **{name: value for name, value in kwargs.items() if name not in REFUSED},
            )
        args.padding_free = free
        account_for(map(str, rows["id"]), map(str, self.train_dataset["id"]), "TRL's trainer was made")
        check_adapters(self.model)
        check_added_trained(self.model, added_ids)
        with_casting_switch(self.model)
        keep_arrangement(self.model)  # again, since a model given by its path is loaded only now
        check_arrangement(self.model)
        keep_precision(self.model, given)

    @property
    def rows_trained(self) -> int:
        """The number of demonstrations trained on; one with several pairs counts once."""
        return sum(row_of_pair(str(name)) == str(name) for name in self.train_dataset["id"])

    def decides(self, row: Mapping[str, Any]) -> list[Any]:
        """The parts of a row that decide the trained weights."""
        return [row["id"], row["response"], [one.text for one in rejected_of(row)]]

    # ---- the loss ----

    def with_loss(self, rows: Dataset) -> Dataset | None:
        """The dev rows on which a loss can be computed; None if there are none."""
        wanted = [i for i, row in enumerate(rows) if _has_response(row) and not (self.preference and no_pair(row))]
        return rows.select(wanted) if wanted else None

    def require_finite(self, loss: torch.Tensor, ids: Sequence[str]) -> None:
        """Stop on a NaN or infinite loss. By default transformers hides such steps in the log and continues.

        Raises:
            UserError: if the loss is NaN or infinite, naming the rows of the batch.
        """
        if not bool(torch.isfinite(loss)):
            raise UserError(
                f"the loss is {float(loss)} at step {self.state.global_step} on rows {', '.join(map(repr, ids))}",
                "lower learning_rate, or train in bf16 or float32 instead of fp16; the last checkpoint is kept",
            )

    # ---- training ----

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """Train as in transformers; `True` resumes from the last complete checkpoint, if there is one.

        Raises:
            UserError: if the checkpoint is incomplete or was made with other settings.
        """
        if resume_from_checkpoint is True:
            resume_from_checkpoint = last_checkpoint(self.args.output_dir)
        if resume_from_checkpoint:
            usual = defaults(type(self.args))
            self._counted = check_settings(resume_from_checkpoint, self._settings, usual)
            self._total_train_tokens, self.on_policy = self._counted["num_tokens"], self._counted["on_policy"]
        result = super().train(resume_from_checkpoint or None, *args, **kwargs)
        self.on_policy["tuned"] = self._measured()
        return result

    def create_optimizer(self, *args: Any, **kwargs: Any) -> Any:
        """Create the optimizer as in transformers.

        Raises:
            UserError: if the optimizer rejects the learning rate or another option.
        """
        with _keys_refused_plainly():
            return super().create_optimizer(*args, **kwargs)

    def compute_loss_context_manager(self) -> Any:
        """The context of transformers, in which PEFT does not cast adapter inputs to float32.

        Under autocast that cast is undone at once and only costs time. With gradient checkpointing PEFT keeps casting:
        layers are computed again outside this context and must give the same result.
        """
        stack = super().compute_loss_context_manager()
        autocast = self.accelerator.mixed_precision in ("bf16", "fp16")
        if autocast and is_peft_model(self.model) and not self.args.gradient_checkpointing:
            stack.enter_context(disable_input_dtype_casting(self.model))
        return stack

    def measure_base(self) -> None:
        """Measure the on-policy figures before the first step, once the model is on its device."""
        if "base" not in self.on_policy:
            self.on_policy["base"] = self._measured()

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """Log as TRL does, with the mean loss over all steps, those before a resumed checkpoint included."""
        super().log(mean_loss(self, logs), *args, **kwargs)

    def _measured(self) -> dict[str, float]:
        return self.meter.measure(self.model_wrapped, self.accelerator) if len(self.meter) else {}

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        keys = self.args
        self.args = copy.copy(keys)
        self.args.hub_token = None  # before the save, so that a kill in its middle leaves no token on disk
        try:
            # the adapter contains the embeddings of its added tokens, so that no copy of the whole matrix is needed
            with saving(self.model, save_embedding_layers=False) if adds_tokens(self.model) else nullcontext():
                super()._save(output_dir, state_dict)
        finally:
            self.args = keys
        forget_machine(Path(output_dir or self.args.output_dir))

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """Save the adapter or model without the frozen reference adapter; only checkpoints contain that."""
        model: Any = self.model
        if _internal_call or REFERENCE not in getattr(model, "peft_config", {}):
            return super().save_model(output_dir, _internal_call)
        with saving(model, selected_adapters=["default"]):
            super().save_model(output_dir, _internal_call)

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        self.accelerator.wait_for_everyone()  # each rank writes its random state
        found = counted(self)
        if self.args.should_save:
            folder = Path(self._get_output_dir(trial=trial)) / f"checkpoint-{self.state.global_step}"
            if folder.exists():  # save_total_limit may have removed it
                forget_machine(folder)
                mark_complete(folder, self._settings, found)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        sampler = super()._get_train_sampler(train_dataset)
        return EpochOfLengths(sampler, self.args) if isinstance(sampler, LengthGroupedSampler) else sampler

    # ---- evaluation ----

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Evaluate as TRL does, without any effect on the random numbers of training."""
        with random_state_kept(self.model):
            return super().evaluate(*args, **kwargs)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Batches of the dev rows that have a loss, shown as retrieved rather than in the views of training."""
        rows = self.eval_dataset if eval_dataset is None else eval_dataset
        training, self.data_collator = self.data_collator, self.data_collator.plain()
        try:
            self._asked = rows
            return super().get_eval_dataloader(self.with_loss(rows) or rows)
        finally:
            self.data_collator = training

    def evaluation_loop(
        self,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Compute the loss on rows with a response, and ask the model all rows."""
        rows = self._asked
        output = EvalLoopOutput(numpy.empty(0), None, {}, len(rows))
        if self.with_loss(rows):
            output = super().evaluation_loop(
                dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
            )
        self.model.eval()  # TRL's log reads the mode from it
        asked = self.generated(self.model_wrapped, rows, self.accelerator) | self._measured()
        named = {f"{metric_key_prefix}_{name}": value for name, value in asked.items()}
        return output._replace(metrics=(output.metrics or {}) | named)

    # ---- the card ----

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """Write a README that says how to prompt this model (`card.Card`), in place of TRL's card.

        Args:
            args: ignored, because TRL and transformers disagree about the positional arguments.
            kwargs: `model_name` and `tags`, as in TRL.
        """
        if not self.is_world_process_zero():
            return
        model = self.accelerator.unwrap_model(self.model)
        adapter = is_peft_model(model)
        tags = kwargs.get("tags") or ()
        more = [tags] if isinstance(tags, str) else list(tags)
        card = Card(
            kwargs.get("model_name") or Path(self.args.output_dir).name,
            (model.active_peft_config.base_model_name_or_path if adapter else model.config.name_or_path) or "",
            adapter,
            self._name,
            self.rows_trained,
            list(dict.fromkeys([*self._tag_names, *more])),
            meter_table(base, self.on_policy.get("tuned", {})) if (base := self.on_policy.get("base")) else "",
            isinstance(self.generated.answerer, VerdictAnswerer),
            not isinstance(self.generated.answerer, PromptAnswerer | VerdictAnswerer),
        )
        write_text(Path(self.args.output_dir) / "README.md", str(card))


@contextmanager
def _keys_refused_plainly() -> Iterator[None]:
    """Turn a ValueError of TRL, PEFT or torch into a UserError: where this is used, it is about an option."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"training cannot start ({error})", "fix the option named above") from error


def collator_of(
    args: Any, tokenizer: Any, preference: bool, answerer: Answerer | None = None, tokens: Sequence[str] = ()
) -> SelfDemoDataCollator:
    """The collator that the training options describe.

    Raises:
        UserError: for options that cannot be combined.
    """
    if preference and args.closed_book_share:
        raise UserError("closed_book_share does not work with objective dpo, which needs pairs", "remove it")
    if preference and args.padding_free:
        raise UserError("padding_free does not work with objective dpo, whose batches are padded", "remove it")
    return SelfDemoDataCollator(
        tokenizer,
        args.max_length,
        args.passage_order,
        args.passage_dropout,
        args.leave_gold_out_share,
        args.closed_book_share,
        preference=preference,
        padding_free=not preference and args.padding_free,
        seed=args.seed,
        answerer=answerer or PROMPTED,
        tokens=tuple(tokens),
    )


def choose_best(
    args: Any, generated: GeneratedEvaluation, eval_dataset: Dataset | None, preference: bool = False
) -> None:
    """Check `metric_for_best_model`, and set `greater_is_better` for it.

    Raises:
        UserError: if the metric is unknown, if the dev rows cannot give it, or if `early_stopping_patience` is set
            without a metric.
    """
    wanted = args.metric_for_best_model
    if args.early_stopping_patience and not (wanted and args.load_best_model_at_end):
        raise UserError(
            "early_stopping_patience needs a metric to compare checkpoints",
            "set metric_for_best_model (e.g. f_score) and load_best_model_at_end",
        )
    if wanted:
        also = {"rewards/accuracies": True, "rewards/margins": True} if preference else {}
        args.greater_is_better = generated.check_metric(wanted, eval_dataset, also)


def decisive_settings(args: Any, rows: Sequence[Any], collator: SelfDemoDataCollator) -> dict[str, Any]:
    """Everything that decides the weights: options, rows, templates, and the number of processes."""
    usual = Views()
    views = {name: value for name, value in asdict(collator.views).items() if value != getattr(usual, name)}
    made = {"rows": fingerprint(rows), "templates": templates_hash(TRAINED_ON), "views": fingerprint(views)}
    return decisive_keys(args.to_dict(), defaults(type(args))) | made | {"processes": args.world_size}


def _has_response(row: Mapping[str, Any]) -> bool:
    return bool((row.get("response") or "").strip())


class _Along(TrainerCallback):
    """Measures the base figures before the first step, and tells the collator the epoch."""

    def __init__(self, trainer: DemonstrationTraining, collator: SelfDemoDataCollator) -> None:
        self.trainer, self.collator = trainer, collator

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        find_best(state, args.output_dir)
        self.trainer.measure_base()
        count_on(self.trainer, self.trainer._counted)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.collator.epoch = int(state.epoch or 0)  # a fraction when training resumes in the middle of an epoch
