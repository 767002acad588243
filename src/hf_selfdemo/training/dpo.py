"""Preference training on structured demonstrations with TRL's DPOTrainer."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from accelerate.utils import is_peft_model
from datasets import Dataset, is_caching_enabled
from transformers import SchedulerType, TrainingArguments
from trl import DPOConfig, DPOTrainer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import POSITIVE
from hf_selfdemo.training.adapters import check_trained_further
from hf_selfdemo.training.arguments import RowArguments
from hf_selfdemo.training.base import DemonstrationTraining, collator_of
from hf_selfdemo.training.collator import SelfDemoDataCollator
from hf_selfdemo.training.given import ASKED, given_rows
from hf_selfdemo.training.last_columns import last_columns
from hf_selfdemo.training.pair_rows import no_pair, pair_rows, with_pairs
from hf_selfdemo.training.parameters import check_collator, check_parameters, own_config, own_tokenizer

_FLOOR = {"min_lr_rate": 0.2}
"""The paper's final 1.1e-6 as a share of its peak 5.5e-6, so that it scales with the learning rate."""


@dataclass
class SelfDemoDPOConfig(RowArguments, DPOConfig):  # type: ignore[misc]  # defaults other than TRL's
    """TRL's `DPOConfig` with `RowArguments`, a supervised loss beside DPO's, and otherwise the paper's settings.

    `loss_type` is `["sigmoid", "sft"]`, each with weight 1.0. DPO alone lowers the likelihood of both texts, even of
    the preferred one (`logps/chosen` in the log), and the model then hardly distinguishes questions that it should
    answer from those that it should abstain from (Divide-Then-Align, arXiv 2505.20871: abstention recall minus
    over-refusal rate is .45 with the supervised loss, .03 without). The supervised loss is a mean over the tokens of
    the preferred texts in a batch, stop tokens included. Unlike DPO's, it depends on how rows are batched. In both
    losses a row counts once for each of its pairs.

    The paper's settings, from the authors' release for 8B and 70B, are `beta` 0.1 and the plain `sigmoid` loss
    (`loss_type=["sigmoid"]`) without length normalisation, and `learning_rate` 5.5e-6 without warm-up, falling to a
    fifth along a cosine. The authors train all weights for 800 steps of 4 pairs per GPU, on rows of up to 4,096 tokens.
    The recipe sets batch size, steps and `max_length`. Use a higher learning rate for an adapter.

    `precompute_ref_log_probs` runs the reference once over all rows before training, which saves memory and time. Rows
    must then look the same in every epoch.

    Example:
        >>> args = SelfDemoDPOConfig(report_to=[])
        >>> args.beta, args.loss_type, args.learning_rate, args.lr_scheduler_type.value, args.lr_scheduler_kwargs
        (0.1, ['sigmoid', 'sft'], 5.5e-06, 'cosine_with_min_lr', {'min_lr_rate': 0.2})
    """

    loss_type: list[str] = field(
        default_factory=lambda: ["sigmoid", "sft"],
        metadata={"help": "losses that are added up; sft is the supervised loss on the preferred texts"},
    )
    learning_rate: float = field(default=5.5e-6, metadata={"help": "peak learning rate"})
    lr_scheduler_type: SchedulerType | str = field(
        default="cosine_with_min_lr",
        metadata={"help": "schedule of the learning rate; the default falls to a fifth, along a cosine"},
    )

    def __post_init__(self) -> None:
        POSITIVE.check(beta=self.beta)
        if self.lr_scheduler_type == "cosine_with_min_lr" and self.lr_scheduler_kwargs is None:
            self.lr_scheduler_kwargs = dict(_FLOOR)
        super().__post_init__()


class SelfDemoDPOTrainer(DemonstrationTraining, DPOTrainer):
    """`DPOTrainer` for structured rows: it learns to prefer `response` to `rejected` under the prompt of the row.

    A row with several rejected texts gives one pair for each. Rows without a pair are left out; `left_out` has their
    ids by reason. The reference is the model before training: with a new adapter (`peft_config`) the model without it,
    for an adapter that is trained further a frozen copy of the adapter, and for full fine-tuning a frozen copy of the
    model.

    Args:
        model: a causal language model, one with a trainable adapter, or a path.
        args: the training configuration, also one of TRL or transformers; None for the defaults.
        train_dataset: demonstrations as `demonstrate` writes them, or a dataset or list of rows with at least id,
            question, passages, response, outcome and rejected (`given_rows`).
        processing_class: a tokenizer with a chat template; by default it is loaded by the model's name or path.
        data_collator: by default a `SelfDemoDataCollator` made from `args`.
        kwargs: as for `SelfDemoTrainer`, and other parameters of `DPOTrainer` that work with rows (`ref_model`,
            `peft_config`, ...).

    Raises:
        UserError: if no row has a pair, the preflight finds rows that cannot be trained on, the adapter does not work
            with this loss, or `precompute_ref_log_probs` is set although rows change by epoch.

    Relations: the loss is `DPOTrainer`'s own, computed on fewer columns (`last_columns`). `DPOTrainer` itself takes
    flat text, tokenizes prompts together with replies, and truncates long rows at their end, where the reply is.
    """

    _tag_names = ["trl", "dpo", "self-demo"]  # noqa: RUF012  # as in every trainer of TRL
    _name = "Self-Demo DPO"
    preference = True

    def __init__(
        self,
        model: Any,
        args: TrainingArguments | None = None,
        train_dataset: Dataset | Sequence[Mapping[str, Any]] | None = None,
        processing_class: Any = None,
        eval_dataset: Dataset | Sequence[Mapping[str, Any]] | None = None,
        data_collator: SelfDemoDataCollator | None = None,
        **kwargs: Any,
    ) -> None:
        args = own_config(args, SelfDemoDPOConfig, model, "DPO")
        check_parameters(model, kwargs)
        check_collator(data_collator, self.preference)
        processing_class = own_tokenizer(processing_class, model, args)
        collator = data_collator or collator_of(args, processing_class, self.preference, kwargs.get("answerer"))
        if args.precompute_ref_log_probs and collator.views.change:
            raise UserError(
                "precompute_ref_log_probs scores each row once, but these rows change by epoch",
                "set it to false, or remove passage_dropout, leave_gold_out_share and passage_order: shuffled",
            )
        check_trained_further(model, kwargs.get("peft_config"))
        if train_dataset is not None:
            train_dataset, self.left_out = with_pairs(given_rows(train_dataset))
        if eval_dataset is not None:  # each dev row is asked once, so that only its first pair has a loss
            eval_dataset = pair_rows(given_rows(eval_dataset, ASKED), most=1)
        whole = not (isinstance(model, str) or is_peft_model(model) or kwargs.get("peft_config"))
        own = whole and kwargs.get("ref_model") is None
        if own:  # TRL would load the reference by the model's name, which may fail or give other weights
            kwargs["ref_model"] = copy.deepcopy(model).requires_grad_(False)
        super().__init__(model, args, train_dataset, processing_class, eval_dataset, collator, **kwargs)
        if own and args.precompute_ref_log_probs:
            self.ref_model = None  # no longer needed; this frees its memory

    def _prepare_dataset(self, dataset: Dataset, *_: Any) -> Dataset:
        """Return the rows unchanged, because the collator renders them."""
        return dataset

    # ---- the loss ----

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """TRL's loss, computed on the columns that contain replies."""
        with last_columns(self._scored, _for_model(inputs), "completion_mask") as batch:
            found = super().compute_loss(model, batch, return_outputs, num_items_in_batch)
        self.require_finite((found[0] if return_outputs else found).detach(), inputs["ids"])
        return found

    def compute_ref_log_probs(self, model: Any, inputs: dict[str, Any]) -> Any:
        """TRL's log-probabilities, computed on the columns that contain replies, for `precompute_ref_log_probs`."""
        with last_columns(self._scored, _for_model(inputs), "completion_mask") as batch:
            return super().compute_ref_log_probs(model, batch)

    @property
    def _scored(self) -> list[Any]:
        return [self.accelerator.unwrap_model(m) for m in (self.model, self.ref_model) if m is not None]

    # ---- the reference, computed beforehand ----

    def _precompute_ref_logps(self, dataset: Dataset, name: str, batch_size: int) -> Dataset:
        """Score the pairs under the reference, with a fingerprint that covers every scored token.

        TRL caches these log-probabilities beside the dataset, by the dataset's fingerprint and the weights. Views,
        length and templates decide the tokens too, so the fingerprint given to TRL includes them. Dev rows without a
        pair have no loss and get no log-probabilities.
        """
        training = self.data_collator
        collator = training if name == "train" else training.plain()
        places = [i for i, row in enumerate(dataset) if not no_pair(row) and (row["response"] or "").strip()]
        if not places:
            return dataset
        rows = dataset.select(places)
        rows = rows.select(range(len(rows)), new_fingerprint=self._scored_by_reference(rows, collator))
        if self.accelerator.num_processes > 1 and not (rows.cache_files and is_caching_enabled()):
            raise UserError(
                "precompute_ref_log_probs with several processes needs a dataset on disk",
                "save it with save_to_disk and load it with load_from_disk, or set precompute_ref_log_probs to false",
            )
        try:
            self.data_collator = collator
            scored = super()._precompute_ref_logps(rows, name, batch_size)
        finally:
            self.data_collator = training
        for column in ("ref_chosen_logps", "ref_rejected_logps"):
            values = dict(zip(places, scored[column], strict=True))
            dataset = dataset.add_column(column, [values.get(i) for i in range(len(dataset))])
        return dataset

    def _scored_by_reference(self, rows: Iterable[Mapping[str, Any]], collator: SelfDemoDataCollator) -> str:
        """A fingerprint of everything that decides the reference's log-probabilities except its weights.

        TRL adds the weights.
        """
        args: Any = self.args
        model = self.accelerator.unwrap_model(self.model)
        adapters = model.peft_config if is_peft_model(model) else {}
        digest = hashlib.sha256(repr((args.ld_alpha, args.bf16, args.fp16, model.config, adapters)).encode())
        for row in rows:
            encoded = collator.encode(row)
            digest.update(repr((encoded.prompt, encoded.response, encoded.rejected)).encode())
        return digest.hexdigest()[:32]


def _for_model(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The batch without ids and kinds, because TRL passes every unknown entry to the model."""
    return {name: value for name, value in inputs.items() if name not in ("ids", "kinds")}
