"""Options that all trainers have beyond TRL's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.core.ranges import check_keys

UNHEEDED: dict[str, tuple[Any, ...]] = {
    "assistant_only_loss": (False,),
    "batch_eval_metrics": (False,),
    "completion_only_loss": (None, True),
    "dataset_kwargs": (None, {"skip_prepare_dataset": True}),
    "dataset_num_proc": (None,),
    "dataset_text_field": ("text",),
    "do_predict": (False,),
    "do_train": (False,),
    "eos_token": (None,),
    "eval_packing": (None, False),
    "include_for_metrics": ([],),
    "label_names": (None,),
    "liger_kernel_config": (None,),
    "packing_strategy": ("bfd",),
    "pad_to_multiple_of": ("auto", None),
    "pad_token": (None,),
    "prediction_loss_only": (False,),
    "resume_from_checkpoint": (None,),
    "shuffle_dataset": (False,),
    "truncation_mode": ("keep_start",),
    "use_cache": (False,),
    "use_liger_kernel": (False,),
}
"""Options of TRL and transformers that have no effect here, each with its harmless values. Any other value is an error.

They have no effect because the collator renders rows batch by batch, and the loss is computed here on replies alone."""


@dataclass
class RunArguments:
    """Options of every kind of training. A mixin for a config of TRL or transformers.

    Defaults that differ from theirs: `bf16` and `gradient_checkpointing` are off (both cost time on a CPU; recipes for
    GPUs set them), and `save_strategy` is "no" (the result is saved at the end).
    """

    unheeded: ClassVar[Mapping[str, tuple[Any, ...]]] = UNHEEDED

    output_dir: str | None = field(default=None, metadata={"help": "folder of the run, with all its artefacts"})
    chat_template_path: str | None = field(
        default=None, metadata={"help": "Jinja file of a chat template that replaces the tokenizer's"}
    )
    bf16: bool | None = field(
        default=False,
        metadata={"help": "mixed precision; on CPUs much faster with AVX512-BF16 or AMX, and slower without"},
    )
    gradient_checkpointing: bool = field(default=False, metadata={"help": "trade time for memory"})
    save_strategy: str = field(default="no", metadata={"help": "checkpoints: no, epoch, steps or best"})
    push_to_hub: bool = field(
        default=False, metadata={"help": "rejected: use `hf-selfdemo push`, which checks files for secrets first"}
    )

    ddp_find_unused_parameters: bool | None = field(
        default=False, metadata={"help": "on several GPUs: look for weights without a gradient; not needed here"}
    )

    def __post_init__(self) -> None:
        import torch

        check_keys(self)  # before transformers' own checks, which do not always name the option
        self._refuse_unheeded()
        if self.push_to_hub:
            raise UserError(
                "push_to_hub would upload files that were not checked for secrets, the options of this run included",
                "remove it, and run `hf-selfdemo push` after training",
            )
        if self.bf16 and not torch.accelerator.is_available():
            self.use_cpu = True  # otherwise transformers would reject bf16
        super().__post_init__()  # type: ignore[misc]  # that of TRL's config

    def _refuse_unheeded(self) -> None:
        for key, harmless in self.unheeded.items():
            value = getattr(self, key, harmless[0])
            if value not in harmless:
                raise UserError(f"{key} is {value!r}, but this option has no effect here", "remove it")


@dataclass
class RowArguments(RunArguments):
    """Options for structured rows and for what is measured during training. A mixin for a config of TRL.

    `max_length` is 2048, because TRL's 1024 would drop most rows with four passages.
    """

    max_length: int | None = field(
        default=2048, metadata={"help": "longest row in tokens; a longer row loses its last passages, never its answer"}
    )
    train_tokens: int = field(
        default=0,
        metadata={
            "help": "number of tokens to train on, prompts and replies and both texts of a pair, in place of "
            "num_train_epochs and max_steps"
        },
    )

    passage_order: str = field(
        default="as_retrieved",
        metadata={"help": "as_retrieved, reversed, shuffled (again in every epoch), gold_first or gold_last"},
    )
    passage_dropout: float = field(
        default=0.0,
        metadata={"help": "probability of leaving out a passage in an epoch; never one that contains the answer"},
    )
    leave_gold_out_share: float = field(
        default=0.0,
        metadata={
            "help": "share of answering rows that, in an epoch, lose the passages with the answer and train the "
            "model's own abstention instead"
        },
    )
    closed_book_share: float = field(
        default=0.0,
        metadata={
            "help": "share of rows that, in an epoch, show no passages and train the model's own closed-book reply"
        },
    )

    dev_modes: list[str] = field(
        default_factory=lambda: ["rag", "closed_book"],
        metadata={
            "help": "how dev questions are asked during training: with passages (rag), without (closed_book), or both"
        },
    )
    max_dev_tokens: int = field(default=32, metadata={"help": "longest reply to a dev question, in tokens"})
    early_stopping_patience: int = field(
        default=0,
        metadata={
            "help": "stop after this number of evaluations without a better metric_for_best_model; 0 never stops"
        },
    )
    meter_rows: int = field(
        default=32,
        metadata={"help": "number of training rows whose mean token NLL is measured during training; 0 for none"},
    )
