"""What training on demonstrations does beyond TRL's trainers, whether supervised or by preference."""

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
    """Mixed in before a trainer of TRL's; `preference` says which kind of batch that one takes.

    Before the first step: a preflight over every row (`preflight_report`). While training: views that change with the
    epoch, evaluation by asking the model the dev questions, the on-policy meter (`on_policy`), a NaN or infinite loss
    stops the run and names the rows. Checkpoints are refused under settings other than their own.
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
            raise UserError("there is no train_dataset", "give demonstrations, or rows")
        processing_class = own_tokenizer(processing_class, model, args)
        added_ids = token_ids(processing_class, tokens, "the trainer")
        rows: Dataset = given_rows(train_dataset)
        eval_dataset = None if eval_dataset is None else given_rows(eval_dataset, ASKED)
        if len(rows) == 0:
            raise UserError("there is no demonstration to train on", "see `skipped` in the manifest for the reasons")
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
        )  # TRL refuses it beside a collator that is not its own
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
        keep_arrangement(self.model)  # one given by its path was not there before
        check_arrangement(self.model)
        keep_precision(self.model, given)

    @property
    def rows_trained(self) -> int:
        """How many demonstrations are trained, each counted once, whatever the pairs that are made of it."""
        return sum(row_of_pair(str(name)) == str(name) for name in self.train_dataset["id"])

    def decides(self, row: Mapping[str, Any]) -> list[Any]:
        """What of a row decides the weights."""
        return [row["id"], row["response"], [one.text for one in rejected_of(row)]]

    # ---- the loss ----

    def with_loss(self, rows: Dataset) -> Dataset | None:
        """The dev rows that have a loss; None if none has."""
        wanted = [i for i, row in enumerate(rows) if _has_response(row) and not (self.preference and no_pair(row))]
        return rows.select(wanted) if wanted else None

    def require_finite(self, loss: torch.Tensor, ids: Sequence[str]) -> None:
        """Stop at a NaN or infinite loss; by default transformers leaves such steps out of the log and goes on.

        Raises:
            UserError: naming the rows of the batch.
        """
        if not bool(torch.isfinite(loss)):
            raise UserError(
                f"the loss is {float(loss)} at step {self.state.global_step}, rows {', '.join(map(repr, ids))}",
                "lower learning_rate, or train in bf16 or float32 instead of fp16; the last checkpoint is kept",
            )

    # ---- training ----

    def train(self, resume_from_checkpoint: str | bool | None = None, *args: Any, **kwargs: Any) -> Any:
        """As in transformers; `True` goes on from the last whole checkpoint, if there is one.

        Raises:
            UserError: if the checkpoint is half written or was made under other settings.
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
        """As in transformers.

        Raises:
            UserError: for a learning rate or another key that the optimizer does not take.
        """
        with _keys_refused_plainly():
            return super().create_optimizer(*args, **kwargs)

    def compute_loss_context_manager(self) -> Any:
        """As in transformers. PEFT would cast what comes into an adapter to float32, and autocast at once back again.

        With gradient checkpointing it does: layers are computed again outside of here, and must come out the same.
        """
        stack = super().compute_loss_context_manager()
        autocast = self.accelerator.mixed_precision in ("bf16", "fp16")
        if autocast and is_peft_model(self.model) and not self.args.gradient_checkpointing:
            stack.enter_context(disable_input_dtype_casting(self.model))
        return stack

    def measure_base(self) -> None:
        """Read the meter before the first step, once the model is where training wants it."""
        if "base" not in self.on_policy:
            self.on_policy["base"] = self._measured()

    def log(self, logs: dict[str, float], *args: Any, **kwargs: Any) -> None:
        """As TRL's; the mean loss is over all steps, also where a checkpoint was gone on from."""
        super().log(mean_loss(self, logs), *args, **kwargs)

    def _measured(self) -> dict[str, float]:
        return self.meter.measure(self.model_wrapped, self.accelerator) if len(self.meter) else {}

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        keys = self.args
        self.args = copy.copy(keys)
        self.args.hub_token = None  # even a kill before the next line leaves no token behind
        try:
            # an adapter holds the embeddings of the tokens that it adds, and needs no copy of all others beside them
            with saving(self.model, save_embedding_layers=False) if adds_tokens(self.model) else nullcontext():
                super()._save(output_dir, state_dict)
        finally:
            self.args = keys
        forget_machine(Path(output_dir or self.args.output_dir))

    def save_model(self, output_dir: str | None = None, _internal_call: bool = False) -> None:
        """The adapter or model alone; only checkpoints hold the reference of an adapter that is trained further."""
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
            if folder.exists():  # a limit on their number may have removed it
                forget_machine(folder)
                mark_complete(folder, self._settings, found)

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        sampler = super()._get_train_sampler(train_dataset)
        return EpochOfLengths(sampler, self.args) if isinstance(sampler, LengthGroupedSampler) else sampler

    # ---- evaluation ----

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """As TRL's; training goes on as if it had not been asked."""
        with random_state_kept(self.model):
            return super().evaluate(*args, **kwargs)

    def get_eval_dataloader(self, eval_dataset: Any = None) -> Any:
        """Rows as retrieved, whatever training makes of them; only those with something to learn have a loss."""
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
        """The loss where rows have a response, and what the model says to all of them."""
        rows = self._asked
        output = EvalLoopOutput(numpy.empty(0), None, {}, len(rows))
        if self.with_loss(rows):
            output = super().evaluation_loop(
                dataloader, description, prediction_loss_only, ignore_keys, metric_key_prefix
            )
        self.model.eval()  # TRL's log takes the mode from it
        asked = self.generated(self.model_wrapped, rows, self.accelerator) | self._measured()
        named = {f"{metric_key_prefix}_{name}": value for name, value in asked.items()}
        return output._replace(metrics=(output.metrics or {}) | named)

    # ---- the card ----

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """How to ask this model, beside its weights (`card.Card`), in place of TRL's card.

        Args:
            args: none is used: TRL and transformers have different ones first.
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
    """Where TRL, PEFT and torch look at the keys, a ValueError of theirs is about a key."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:
        raise UserError(f"training cannot begin ({error})", "fix the option named above") from error


def collator_of(
    args: Any, tokenizer: Any, preference: bool, answerer: Answerer | None = None, tokens: Sequence[str] = ()
) -> SelfDemoDataCollator:
    """The collator that the training keys describe.

    Raises:
        UserError: for keys that do not go together.
    """
    if preference and args.closed_book_share:
        raise UserError("closed_book_share makes no pairs", "leave it out with objective dpo")
    if preference and args.padding_free:
        raise UserError("padding_free is not for pairs, which are padded", "leave it out with objective dpo")
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
    """Check the figure that picks the best checkpoint, and say which way it is better.

    Raises:
        UserError: for an unknown figure, or one that the dev rows cannot give; for patience without such a figure.
    """
    wanted = args.metric_for_best_model
    if args.early_stopping_patience and not (wanted and args.load_best_model_at_end):
        raise UserError(
            "early_stopping_patience needs to know what is best",
            "set metric_for_best_model (e.g. f_score) and load_best_model_at_end",
        )
    if wanted:
        also = {"rewards/accuracies": True, "rewards/margins": True} if preference else {}
        args.greater_is_better = generated.check_metric(wanted, eval_dataset, also)


def decisive_settings(args: Any, rows: Sequence[Any], collator: SelfDemoDataCollator) -> dict[str, Any]:
    """What decides the weights: keys, rows, templates, and how many processes share a batch."""
    usual = Views()
    views = {name: value for name, value in asdict(collator.views).items() if value != getattr(usual, name)}
    made = {"rows": fingerprint(rows), "templates": templates_hash(TRAINED_ON), "views": fingerprint(views)}
    return decisive_keys(args.to_dict(), defaults(type(args))) | made | {"processes": args.world_size}


def _has_response(row: Mapping[str, Any]) -> bool:
    return bool((row.get("response") or "").strip())


class _Along(TrainerCallback):
    """Reads the meter before the first step, and tells the collator which epoch it renders."""

    def __init__(self, trainer: DemonstrationTraining, collator: SelfDemoDataCollator) -> None:
        self.trainer, self.collator = trainer, collator

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        find_best(state, args.output_dir)
        self.trainer.measure_base()
        count_on(self.trainer, self.trainer._counted)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.collator.epoch = int(state.epoch or 0)  # one resumed in its middle is still the same epoch
