"""Supervised training on structured demonstrations with TRL's SFTTrainer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn import functional
from transformers import TrainingArguments
from trl import SFTConfig, SFTTrainer

from hf_selfdemo.core.errors import UserError
from hf_selfdemo.training.arguments import RowArguments
from hf_selfdemo.training.base import DemonstrationTraining
from hf_selfdemo.training.collator import IGNORED
from hf_selfdemo.training.parameters import own_config
from hf_selfdemo.training.views import KINDS

_LOSSES = ("nll", "dft")


@dataclass
class SelfDemoConfig(RowArguments, SFTConfig):  # type: ignore[misc]  # other defaults, TRL's own types
    """TRL's `SFTConfig` with `RowArguments`; the defaults suit RAG rows with short answers.

    `learning_rate` is 2e-4, for LoRA. `abstention_weight` multiplies the loss of abstentions. The mean is over all
    supervised tokens, unweighted, so that the weight does not change the loss of answers.
    """

    learning_rate: float = field(default=2e-4, metadata={"help": "peak learning rate"})
    abstention_weight: float = field(
        default=1.0, metadata={"help": "weight of abstentions in the loss; answers have 1"}
    )


class SelfDemoTrainer(DemonstrationTraining, SFTTrainer):
    """`SFTTrainer` for structured rows: rows are rendered by `SelfDemoDataCollator` and checked before training.

    Args:
        model: a causal language model, or a path.
        args: the training configuration, also one of TRL or transformers; None for the defaults.
        train_dataset: demonstrations as `demonstrate` writes them, or a dataset or list of rows with at least id,
            question, passages, response and outcome (`given_rows`).
        processing_class: a tokenizer with a chat template; by default it is loaded by the model's name or path.
        eval_dataset: rows to ask during training, at the times that `args.eval_strategy` sets; those with a response
            also have a loss.
        data_collator: by default a `SelfDemoDataCollator` made from `args`.
        writer: the model that wrote the demonstrations (`name` and `fingerprint` from their manifest), for a warning
            if it is not the model being trained.
        test_rows: rows with `id` and `question` that are evaluated later, for a warning if they are trained on.
        answerer: the prompt of rows and dev questions, the same as at inference; by default one greedy call with the
            prompt of the mode.
        tokens: control tokens that the method adds and rows have in trusted segments; model and tokenizer must have
            them (`generation.embeddings.embed_new_tokens`).
        kwargs: other parameters of `SFTTrainer` that work with rows (`peft_config`, `callbacks`, ...).

    Raises:
        UserError: if the preflight finds rows that train nothing or something wrong, or if a parameter of `SFTTrainer`
            has no effect on rows (`formatting_func`, `compute_metrics`, ...).

    Relations: plain `SFTTrainer` takes flat text, truncates rows at 1,024 tokens and drops those that lose their
    answer. Here a long row loses passages instead, and every given row is trained on.
    """

    _tag_names = ["trl", "sft", "self-demo"]  # noqa: RUF012  # as in every trainer of TRL
    _name = "Self-Demo SFT"

    def __init__(self, model: Any, args: TrainingArguments | None = None, *rows: Any, **kwargs: Any) -> None:
        args = own_config(args, SelfDemoConfig, model, "SFT")
        if args.loss_type not in _LOSSES:
            raise UserError(
                f"loss_type {args.loss_type!r} does not work with structured rows",
                f"set it to one of {', '.join(_LOSSES)}",
            )
        if args.packing:
            raise UserError("packing does not work with structured rows", "set padding_free instead, on a GPU")
        args.dataset_kwargs = {"skip_prepare_dataset": True}
        self._tallies = {mode: torch.zeros(len(KINDS), 3) for mode in ("train", "eval")}
        super().__init__(model, args, *rows, **kwargs)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the supervised tokens, with abstentions weighted.

        With weight 1 it equals TRL's loss (and TRL's `dft`, with that `loss_type`). Without Triton, TRL's fused head
        computes logits for every column. A row here has about ten supervised tokens among hundreds, so the model
        computes logits for their columns only (`logits_to_keep`).
        """
        inputs = dict(inputs)
        labels, kinds, ids = inputs.pop("labels")[:, 1:], inputs.pop("kinds")[:, 1:], inputs.pop("ids")
        columns = (labels != IGNORED).any(0).nonzero()[:, 0]
        if self.aux_loss_enabled:
            inputs["output_router_logits"] = True
        outputs = model(**inputs, use_cache=False, logits_to_keep=columns)
        labels, kinds = labels[:, columns], kinds[:, columns]
        smoothing = self.args.label_smoothing_factor
        losses = functional.cross_entropy(
            outputs.logits.float().flatten(0, 1),
            labels.flatten(),
            ignore_index=IGNORED,
            reduction="none",
            label_smoothing=smoothing,
        ).view(labels.shape)
        self._count(losses, outputs.logits, labels, kinds, inputs)
        if self.args.loss_type == "dft":
            losses = losses * torch.exp(-losses).detach()
        weights = torch.where(kinds == KINDS.index("abstain"), self.args.abstention_weight, 1.0)
        items = (labels != IGNORED).sum() if num_items_in_batch is None else num_items_in_batch
        loss = (losses * weights).sum() / items
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes  # as in TRL, because DDP averages over ranks
        if self.aux_loss_enabled:
            steps = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss / steps
        self.require_finite(loss.detach(), ids)
        return (loss, outputs) if return_outputs else loss

    @torch.no_grad()
    def _count(self, losses: Any, logits: Any, labels: Any, kinds: Any, inputs: dict[str, Any]) -> None:
        """Add to the tallies of each kind: summed loss, tokens, and tokens that greedy decoding would predict."""
        mode, real = self._mode, (labels != IGNORED) & self._own_rows(labels)
        tally = self._tallies[mode] = self._tallies[mode].to(losses.device)
        hits = (logits.argmax(-1) == labels)[real]
        tally.index_add_(
            0, kinds[real], torch.stack([losses[real], torch.ones_like(losses[real]), hits.to(losses.dtype)], 1)
        )
        if mode == "train":
            ids = inputs["input_ids"]
            seen = inputs["attention_mask"].sum() if "attention_mask" in inputs else torch.tensor(ids.numel()).to(ids)
            self._total_train_tokens += self.accelerator.gather_for_metrics(seen).sum().item()
        self._metrics[mode]["num_tokens"] = [self._total_train_tokens]

    def _own_rows(self, labels: torch.Tensor) -> Any:
        """Mask of the rows to count: with several ranks, the last evaluation batch is filled up with repeated rows."""
        state = self.accelerator.gradient_state
        if self._mode == "train" or self.args.padding_free or not state.end_of_dataloader or state.remainder <= 0:
            return True
        own = state.remainder - self.accelerator.process_index * len(labels)
        return (torch.arange(len(labels), device=labels.device) < own)[:, None]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log as TRL does, with `answer_loss`, `abstention_loss`, `closed_book_loss` and `text_loss`, each a mean over
        all tokens since the last log line."""
        mode = self._mode
        tally = self.accelerator.reduce(self._tallies[mode].to(self.accelerator.device), "sum").tolist()
        for name, (loss, tokens, _) in zip(("answer", "abstention", "closed_book", "text"), tally, strict=True):
            if tokens:
                self._metrics[mode][f"{name}_loss"].append(loss / tokens)
        if total := sum(tokens for _, tokens, _ in tally):
            self._metrics[mode]["mean_token_accuracy"].append(sum(hits for _, _, hits in tally) / total)
        self._tallies[mode] = torch.zeros(len(KINDS), 3)
        super().log(logs, start_time)

    @property
    def _mode(self) -> str:
        return "train" if self.model is not None and self.model.training else "eval"
