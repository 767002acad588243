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
    """TRL's `SFTConfig` with `RowArguments`, whose defaults suit short-answer RAG rows.

    `learning_rate` is 2e-4, for LoRA. `abstention_weight` multiplies the loss of abstentions; the mean is taken over
    all supervised tokens as they are, so that a weight below one lowers their pull and changes nothing else.
    """

    learning_rate: float = field(default=2e-4, metadata={"help": "peak learning rate"})
    abstention_weight: float = field(
        default=1.0, metadata={"help": "weight of abstentions in the loss; answers have 1"}
    )


class SelfDemoTrainer(DemonstrationTraining, SFTTrainer):
    """`SFTTrainer` over structured rows: renders by `SelfDemoDataCollator`, refuses rows that cannot be learnt.

    Args:
        model: a causal language model, or a path.
        args: the training configuration; one of TRL's or transformers' will do, and none for the defaults.
        train_dataset: demonstrations as `demonstrate` writes them, or rows (a list, too) with at least id, question,
            passages, response and outcome (`given_rows`).
        processing_class: the tokenizer, with a chat template; default is the model's own, by its name or path.
        eval_dataset: rows to ask while training, as `args.eval_strategy` says; those with a response have a loss too.
        data_collator: default is a `SelfDemoDataCollator` made from `args`.
        writer: who wrote the demonstrations (`name` and `fingerprint`, as their manifest has it), to warn where it is
            not the model trained.
        test_rows: rows with `id` and `question` that are evaluated later, to warn of those that are trained on.
        answerer: how the model will be asked: the prompt of rows and dev questions; default is one greedy call under
            the prompt of the mode.
        tokens: control tokens that the method adds, which rows hold in trusted segments; model and tokenizer must have
            them (`generation.embeddings.embed_new_tokens`).
        kwargs: everything else that `SFTTrainer` takes and rows allow (`peft_config`, `callbacks`, ...).

    Raises:
        UserError: if the preflight finds rows that would train nothing, lose their answer, or teach another thing; for
            a parameter of `SFTTrainer` that rows cannot obey (`formatting_func`, `compute_metrics`, ...).

    Relations: plain `SFTTrainer` wants flat text, cuts long rows at 1,024 tokens and drops those whose
    answer is gone. Here passages are cut instead, and every row given is a row trained.
    """

    _tag_names = ["trl", "sft", "self-demo"]  # noqa: RUF012  # as in every trainer of TRL
    _name = "Self-Demo SFT"

    def __init__(self, model: Any, args: TrainingArguments | None = None, *rows: Any, **kwargs: Any) -> None:
        args = own_config(args, SelfDemoConfig, model, "SFT")
        if args.loss_type not in _LOSSES:
            raise UserError(f"loss_type {args.loss_type!r} is not made for rows", f"take one of {', '.join(_LOSSES)}")
        if args.packing:
            raise UserError("packing joins rows that end nowhere", "set padding_free instead, on a GPU")
        args.dataset_kwargs = {"skip_prepare_dataset": True}
        self._tallies = {mode: torch.zeros(len(KINDS), 3) for mode in ("train", "eval")}
        super().__init__(model, args, *rows, **kwargs)

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean negative log-likelihood of the supervised tokens, kinds of row weighted and counted apart.

        With weight 1 the same figure as TRL's (and its `dft`, with that `loss_type`). TRL's fused head scores every
        column where there is no Triton; a row here has some ten supervised tokens among hundreds, so only their columns
        are asked of the model (`logits_to_keep`).
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
            loss = loss * self.accelerator.num_processes  # as TRL: DDP will average over ranks
        if self.aux_loss_enabled:
            steps = 1 if num_items_in_batch is None else self.current_gradient_accumulation_steps
            loss = loss + self.router_aux_loss_coef * outputs.aux_loss / steps
        self.require_finite(loss.detach(), ids)
        return (loss, outputs) if return_outputs else loss

    @torch.no_grad()
    def _count(self, losses: Any, logits: Any, labels: Any, kinds: Any, inputs: dict[str, Any]) -> None:
        """Add to the tallies of each kind: summed loss, tokens, and tokens the model would have said itself."""
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
        """Which rows of an evaluated batch are not there twice: several ranks fill the last batch up with others."""
        state = self.accelerator.gradient_state
        if self._mode == "train" or self.args.padding_free or not state.end_of_dataloader or state.remainder <= 0:
            return True
        own = state.remainder - self.accelerator.process_index * len(labels)
        return (torch.arange(len(labels), device=labels.device) < own)[:, None]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """As TRL's, with `answer_loss`, `abstention_loss`, `closed_book_loss` and `text_loss` over all tokens since the
        last log."""
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
