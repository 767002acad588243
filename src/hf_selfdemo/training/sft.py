"""Supervised training on structured demonstrations with TRL's SFTTrainer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from datasets import Dataset
from torch.nn import functional
from transformers import TrainerCallback
from trl import SFTConfig, SFTTrainer

from hf_selfdemo.errors import UserError
from hf_selfdemo.training.collator import IGNORED, SelfDemoDataCollator
from hf_selfdemo.training.preflight import preflight


@dataclass
class SelfDemoConfig(SFTConfig):
    """TRL's `SFTConfig` with other defaults for short-answer RAG rows, plus the collator's keys.

    Defaults that differ from `SFTConfig`: `max_length` 2048 (TRL's 1024 would drop most rows with four passages),
    `learning_rate` 2e-4 (LoRA), `bf16` and `gradient_checkpointing` off (both cost time on a CPU; recipes for GPUs set
    them), `save_strategy` "no" (the adapter is saved at the end).
    """

    output_dir: str | None = field(default=None, metadata={"help": "folder of the run; all artefacts go below it"})
    max_length: int | None = field(
        default=2048, metadata={"help": "longest row in tokens; passages are dropped from the tail, answers never"}
    )
    learning_rate: float = field(default=2e-4, metadata={"help": "peak learning rate"})
    bf16: bool | None = field(  # type: ignore[assignment]  # as SFTConfig has it
        default=False, metadata={"help": "mixed precision; slower than float32 on most CPUs"}
    )
    gradient_checkpointing: bool = field(default=False, metadata={"help": "trade time for memory"})
    save_strategy: str = field(default="no", metadata={"help": "checkpoints: no, epoch or steps"})
    shuffle_passages: bool = field(
        default=False, metadata={"help": "show a row's passages in another order every epoch"}
    )


class SelfDemoTrainer(SFTTrainer):
    """`SFTTrainer` over structured rows: renders by `SelfDemoDataCollator`, refuses rows that cannot be learnt.

    Args:
        model: a causal language model, or a path.
        args: the training configuration.
        train_dataset: demonstrations as `demonstrate` writes them.
        processing_class: the tokenizer, with a chat template.
        data_collator: default is a `SelfDemoDataCollator` made from `args`.
        kwargs: everything else `SFTTrainer` takes (`peft_config`, `callbacks`, ...).

    Raises:
        UserError: if a row would train nothing or lose its answer; it names the row.

    Relations: plain `SFTTrainer` wants flat text, cuts long rows at 1,024 tokens and drops those whose
    answer is gone. Here passages are cut instead, and every row given is a row trained.
    """

    _tag_names = ["trl", "sft", "self-demo"]  # noqa: RUF012  # as in every trainer of TRL
    _name = "Self-Demo SFT"

    def __init__(
        self,
        model: Any,
        args: SelfDemoConfig,
        train_dataset: Dataset,
        processing_class: Any,
        data_collator: SelfDemoDataCollator | None = None,
        **kwargs: Any,
    ) -> None:
        if len(train_dataset) == 0:
            raise UserError("there is no demonstration to train on", "see `skipped` in the manifest for the reasons")
        collator = data_collator or SelfDemoDataCollator(
            processing_class, args.max_length, args.shuffle_passages, seed=args.seed
        )
        self.preflight_report = preflight(train_dataset, collator)
        args.dataset_kwargs = {"skip_prepare_dataset": True}
        args.remove_unused_columns = False  # the collator needs the structured columns, not input_ids
        callbacks = [*(kwargs.pop("callbacks", None) or []), _EpochOfCollator(collator)]
        super().__init__(
            model=model,
            args=args,
            train_dataset=train_dataset,
            processing_class=processing_class,
            data_collator=collator,
            callbacks=callbacks,
            **kwargs,
        )

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the supervised tokens, answers and abstentions also logged apart.

        The same figure as TRL's. TRL's fused head scores every column where there is no Triton; a row here has some ten
        supervised tokens among hundreds, so only the last columns are asked of the model (`logits_to_keep`).
        """
        mode = "train" if model.training else "eval"
        inputs = dict(inputs)
        labels, abstention = inputs.pop("labels"), inputs.pop("abstention")
        kept = int((labels != IGNORED).any(0).sum())
        outputs = model(**inputs, use_cache=False, logits_to_keep=kept + 1)
        targets = labels[:, -kept:]
        losses = functional.cross_entropy(
            outputs.logits[:, :-1].float().transpose(1, 2), targets, ignore_index=IGNORED, reduction="none"
        )
        counts = (targets != IGNORED).sum(1)
        for name, rows in (("answer_loss", ~abstention), ("abstention_loss", abstention)):
            if rows.any():
                self._metrics[mode][name].append((losses[rows].sum() / counts[rows].sum()).item())
        if mode == "train":
            self._total_train_tokens += self.accelerator.gather_for_metrics(inputs["attention_mask"].sum()).sum().item()
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]
        loss = losses.sum() / (counts.sum() if num_items_in_batch is None else num_items_in_batch)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # as TRL: DDP will average over ranks
        return (loss, outputs) if return_outputs else loss


class _EpochOfCollator(TrainerCallback):
    """Tells the collator which epoch it renders."""

    def __init__(self, collator: SelfDemoDataCollator) -> None:
        self.collator = collator

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self.collator.epoch = round(state.epoch or 0)
